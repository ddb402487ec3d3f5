//! A connection's bytes: what was read and not handled yet, what is to be sent, and until when to wait.
//!
//! One read buffer and one reply buffer a connection, both used again and again; one timer, which is only
//! touched when it fires or when the wait becomes shorter, since most waits end long before.
//!
//! # Failure
//! A wait ends in a [`Cut`]: the peer is gone, the time is over, or the gateway shuts down.

use super::stream::{Io, Stream};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// Bytes of a read buffer: a usual mail and its commands fit, and a thousand sessions cost 16 MiB.
const READ_BYTES: usize = 16 << 10;

/// Bytes of the read buffer of a connection that fills the small one with a body.
const READ_BYTES_LARGE: usize = 64 << 10;

/// Waiting for a peer to take our last words and to close, when we close first.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes read over in a farewell: a close with unread input would destroy our last reply on its way.
const FAREWELL_BYTES_MAX: usize = 256 << 10;

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The peer closed, or the network failed.
    Gone,
    /// The time is over.
    Late,
    /// The gateway shuts down.
    Stopped,
}

/// Becomes ready when the gateway shuts down, and stays so.
pub(crate) struct Stop {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    done: bool,
}

impl Stop {
    pub(crate) fn new(mut shutdown: watch::Receiver<bool>) -> Stop {
        let future = async move {
            if shutdown.wait_for(|stop| *stop).await.is_err() {
                // Whoever could have asked for it is gone: nobody will.
                std::future::pending::<()>().await;
            }
        };
        Stop { future: Box::pin(future), done: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.done && self.future.as_mut().poll(cx).is_ready() {
            self.done = true;
        }
        if self.done { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) async fn wait(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

/// A timer that is moved lazily: it fires at the earliest time it was ever set to, and then looks whether
/// that still is the time.
struct Timer {
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    fn new(at: Instant) -> Timer {
        Timer { sleep: Box::pin(tokio::time::sleep_until(at)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// One connection's bytes.
pub(crate) struct Wire<T> {
    stream: Stream<T>,
    input: Vec<u8>,
    start: usize,
    end: usize,
    filled: bool,
    timer: Timer,
    /// Replies that were not sent yet.
    pub(crate) out: Vec<u8>,
}

impl<T: Io> Wire<T> {
    pub(crate) fn new(io: T, deadline: Instant) -> Wire<T> {
        Wire {
            stream: Stream::Plain(io),
            input: Vec::new(),
            start: 0,
            end: 0,
            filled: false,
            timer: Timer::new(deadline),
            out: Vec::new(),
        }
    }

    /// What was read and not handled yet.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// What was read, and where replies go, at once.
    pub(crate) fn split(&mut self) -> (&[u8], &mut Vec<u8>) {
        (&self.input[self.start..self.end], &mut self.out)
    }

    /// So many bytes were handled.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads more, once. `large`: the peer is sending a body. `stop`: whether a shutdown ends the wait.
    pub(crate) async fn fill(&mut self, large: bool, deadline: Instant, mut stop: Option<&mut Stop>) -> Result<(), Cut> {
        let Wire { stream, input, start, end, filled, timer, .. } = self;
        if *start > 0 {
            input.copy_within(*start..*end, 0);
            (*start, *end) = (0, *end - *start);
        }
        let usual = if large && *filled { READ_BYTES_LARGE } else { READ_BYTES };
        // An unfinished command is kept, so there always is room for more of it.
        let wanted = usual.max(*end + READ_BYTES / 4);
        if input.len() < wanted {
            input.resize(wanted, 0);
        }
        let mut buffer = ReadBuf::new(&mut input[*end..]);
        let read = poll_fn(|cx| {
            if let Poll::Ready(result) = Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                return Poll::Ready(result.map_err(|_| Cut::Gone));
            }
            if let Some(stop) = &mut stop
                && stop.poll(cx).is_ready()
            {
                return Poll::Ready(Err(Cut::Stopped));
            }
            timer.poll(cx, deadline).map(|()| Err(Cut::Late))
        });
        read.await?;
        let (bytes, room) = (buffer.filled().len(), buffer.remaining());
        *filled = room == 0;
        *end += bytes;
        if bytes == 0 { Err(Cut::Gone) } else { Ok(()) }
    }

    /// Sends all replies.
    pub(crate) async fn flush(&mut self, deadline: Instant) -> Result<(), Cut> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Wire { stream, out, timer, .. } = self;
        let mut sent = 0;
        let write = poll_fn(|cx| {
            while sent < out.len() {
                match Pin::new(&mut *stream).poll_write(cx, &out[sent..]) {
                    Poll::Ready(Ok(n)) if n > 0 => sent += n,
                    Poll::Ready(_) => return Poll::Ready(Err(Cut::Gone)),
                    Poll::Pending => return timer.poll(cx, deadline).map(|()| Err(Cut::Late)),
                }
            }
            match Pin::new(&mut *stream).poll_flush(cx) {
                Poll::Ready(result) => Poll::Ready(result.map_err(|_| Cut::Gone)),
                Poll::Pending => timer.poll(cx, deadline).map(|()| Err(Cut::Late)),
            }
        });
        let result = write.await;
        out.clear();
        result
    }

    /// Shakes hands. Input that was read belongs to the handshake (nothing is left of it after STARTTLS,
    /// since the session took it all).
    pub(crate) async fn encrypt(&mut self, config: Arc<rustls::ServerConfig>, deadline: Instant) -> io::Result<()> {
        let head = self.pending().to_vec();
        (self.start, self.end) = (0, 0);
        tokio::time::timeout_at(deadline, self.stream.encrypt(config, head)).await?
    }

    /// Version and cipher suite, when encrypted.
    pub(crate) fn tls(&self) -> Option<String> {
        self.stream.tls()
    }

    /// Sends what is left and closes. Unless the peer said QUIT, waits a little for it to close too.
    pub(crate) async fn close(&mut self, quit: bool) {
        let deadline = Instant::now() + FAREWELL;
        if self.flush(deadline).await.is_err() {
            return;
        }
        let stream = &mut self.stream;
        let shut = poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx));
        if !matches!(tokio::time::timeout_at(deadline, shut).await, Ok(Ok(()))) || quit {
            return;
        }
        let mut read_over = 0;
        while read_over < FAREWELL_BYTES_MAX && self.fill(false, deadline, None).await.is_ok() {
            let bytes = self.pending().len();
            read_over += bytes;
            self.consume(bytes);
        }
    }
}
