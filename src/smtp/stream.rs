//! A client's stream: in the clear, or under TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// Bytes that can be read and written.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

/// A socket with bytes that were read from it already: what a PROXY header was followed by belongs to the
/// TLS handshake.
#[derive(Debug)]
pub(crate) struct Rewound<T> {
    head: Vec<u8>,
    io: T,
}

impl<T: Io> AsyncRead for Rewound<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.head.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let take = this.head.len().min(buf.remaining());
        buf.put_slice(&this.head[..take]);
        this.head.drain(..take);
        Poll::Ready(Ok(()))
    }
}

impl<T: Io> AsyncWrite for Rewound<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// One connection. The TLS state is boxed: most sessions of a relay on the same host have none, and
/// every session's future would be as large.
#[derive(Debug)]
pub(crate) enum Stream<T> {
    Plain(T),
    Tls(Box<TlsStream<Rewound<T>>>),
    /// A handshake took the socket and failed.
    Gone,
}

impl<T: Io> AsyncRead for Stream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl<T: Io> AsyncWrite for Stream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl<T: Io> Stream<T> {
    /// Shakes hands; `head` is what was read of the handshake already. A stream that fails is gone.
    pub(crate) async fn encrypt(&mut self, config: Arc<ServerConfig>, head: Vec<u8>) -> io::Result<()> {
        let Stream::Plain(io) = std::mem::replace(self, Stream::Gone) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let tls = TlsAcceptor::from(config).accept(Rewound { head, io }).await?;
        *self = Stream::Tls(Box::new(tls));
        Ok(())
    }

    /// Version and cipher suite, when encrypted.
    pub(crate) fn tls(&self) -> Option<String> {
        match self {
            Stream::Tls(s) => Some(super::tls::describe(s.get_ref().1)),
            _ => None,
        }
    }
}
