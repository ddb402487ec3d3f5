//! Listens in on a connection: passes bytes on and keeps what the client said.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Stands before a server. Ends with the test's process; its threads wait for sockets.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    /// What was read from clients, a read apiece.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    pub(super) fn before(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let hear = heard.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = TcpStream::connect(server) else { return };
                let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                let hear = hear.clone();
                std::thread::spawn(move || pass(from, to, |bytes| hear.lock().unwrap().push(bytes.to_vec())));
                std::thread::spawn(move || pass(upstream, client, |_| {}));
            }
        });
        Tap { address, heard }
    }

    /// What came in one read, as far as it is text.
    pub(super) fn first_segments(&self) -> Vec<String> {
        let text = |bytes: &Vec<u8>| bytes.iter().take(1_000).map(|b| char::from(*b)).collect();
        self.heard.lock().unwrap().iter().map(text).collect()
    }

    /// All of it.
    pub(super) fn everything(&self) -> String {
        self.heard.lock().unwrap().concat().into_iter().map(char::from).collect()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        see(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
