// Live update of the quarantine list, and times in the reader's zone. Every page works without it.
"use strict";
for (const t of document.querySelectorAll("time[datetime]")) {
  const at = new Date(t.dateTime);
  if (!Number.isNaN(at.getTime())) {
    t.title = t.textContent;
    t.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}
const notice = document.getElementById("changed");
if (notice && window.EventSource) {
  const since = notice.dataset.since;
  const source = new EventSource("/quarantine/live");
  source.addEventListener("held", (event) => {
    // The list does not move under the reader's hand: it says that there is more, and waits.
    if (event.data !== since) notice.hidden = false;
  });
}
