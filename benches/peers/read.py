"""Python's email with its modern policy: reads each mail of a list once for each line of standard input."""

import sys
import time
from email import message_from_bytes, policy


def read(raw):
    mail = message_from_bytes(raw, policy=policy.default)
    for name in ("From", "To", "Cc", "Subject", "Date", "Message-ID"):
        try:
            str(mail[name])
        except Exception:
            pass
    for part in mail.walk():
        if part.is_multipart():
            continue
        try:
            part.get_content()
        except Exception:
            part.get_payload(decode=True)


mails = [open(line.rstrip("\n"), "rb").read() for line in open(sys.argv[1])]
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for raw in mails:
        try:
            read(raw)
        except Exception:
            pass  # it gives up on some; the time until then counts
    print(time.perf_counter() - start, flush=True)
