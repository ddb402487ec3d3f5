//! placeholder
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) content_id: Option<String>,
    pub(super) bytes: Vec<u8>,
    pub(super) message: Option<Box<Message>>,
}
#[derive(Default)]
pub(super) struct Message {
    pub(super) subject: Option<String>,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) files: Vec<File>,
    pub(super) damaged: bool,
}
pub(super) fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x78, 0x9f, 0x3e, 0x22])
}
pub(super) fn read(_bytes: &[u8]) -> Option<Message> {
    None
}
