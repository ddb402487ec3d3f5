//! A small mutator: cuts, doubles, crosses and splices, the same in every run.

/// Changed seeds, one after another.
pub(super) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    state: u64,
}

/// What real mails stumble over; spliced in anywhere.
const PIECES: &[&[u8]] = &[
    b"=?utf-8?Q?",
    b"?=",
    b"=?iso-2022-jp?B?GyRC?=",
    b"\r\n\r\n",
    b"\n",
    b"\n--b\n",
    b"--b--",
    b"\"",
    b"<",
    b">",
    b"(",
    b")",
    b"\\",
    b";",
    b":",
    b",",
    b"@",
    b"=",
    b"=\n",
    b"=3D",
    b"\0",
    b"\r",
    b"\xff",
    b"\xc3",
    b"\xe3\x81",
    b"\x1b$B",
    b"\x1b(B",
    b"\xef\xbb\xbf",
    b"<blockquote>",
    b"</div>",
    b"<table><tr><td>",
    b"<a href=\"https://a.example/\">",
    b"<img src=cid:a>",
    b"<script>",
    b"<!--",
    b"<svg><style>",
    b"&lt;",
    b"&#x0;",
    b"Content-Type: multipart/mixed; boundary=b\n\n",
    b"Content-Type: text/html; charset=utf-8\n\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Disposition: attachment; filename*=utf-8''%e2\n",
    b"begin 644 x\n",
    b"\nend\n",
    b"On Jan 1, 2030, Ann <a@b.example> wrote:\n",
    b"\n> ",
    b"\n-- \n",
    b"\nFrom: ",
    b"\nSubject: ",
    b"-----Original Message-----\n",
    "\u{202e}".as_bytes(),
    "\u{a0}".as_bytes(),
];

impl<'a> Mutator<'a> {
    pub(super) fn new(name: &str, seeds: &'a [Vec<u8>]) -> Self {
        let state = name.bytes().fold(0xcbf2_9ce4_8422_2325, |s, b| (s ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Mutator { seeds, state }
    }

    /// SplitMix64.
    fn below(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % count.max(1)
    }

    pub(super) fn next(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut out = self.seeds[seed].clone();
        for _ in 0..1 + self.below(6) {
            let from = self.below(out.len() + 1);
            let to = (from + self.below(40)).min(out.len());
            match self.below(7) {
                0 => drop(out.drain(from..to)),
                1 => {
                    let piece = out[from..to].repeat(1 + self.below(3));
                    out.splice(from..from, piece);
                }
                2 => {
                    let byte = self.below(256) as u8;
                    if let Some(b) = out.get_mut(from) {
                        *b = byte;
                    }
                }
                3 => {
                    let other = self.below(self.seeds.len());
                    let other = &self.seeds[other];
                    let at = self.below(other.len() + 1);
                    let end = (at + self.below(200)).min(other.len());
                    let piece = other[at..end].to_vec();
                    out.splice(from..to, piece);
                }
                4 => out.truncate(from.max(1)),
                _ => {
                    let piece = PIECES[self.below(PIECES.len())].to_vec();
                    out.splice(from..from, piece);
                }
            }
        }
        out
    }
}
