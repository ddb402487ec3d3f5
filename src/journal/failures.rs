//! Single failures on the model disk, and what they must not lead to.

use super::histories::DIR;
use super::model::{Fault, ModelDisk};
use super::tests::{body, envelope, options};
use super::*;
use std::path::Path;

/// A journal with some mails on a model disk, and a runtime to append with.
struct Scene {
    disk: ModelDisk,
    journal: Journal,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new(mails: u64) -> Scene {
        Scene::on(ModelDisk::new(7), mails)
    }

    fn on(disk: ModelDisk, mails: u64) -> Scene {
        let journal = Scene::open(&disk);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let scene = Scene { disk, journal, runtime };
        for n in 0..mails {
            scene.append(n).unwrap();
        }
        scene
    }

    fn open(disk: &ModelDisk) -> Journal {
        Journal::open_on(Arc::new(disk.clone()), &options(Path::new(DIR)), false).unwrap()
    }

    fn append(&self, n: u64) -> Result<Position, Error> {
        self.runtime.block_on(self.journal.append(envelope(n), Body::Inline(body(n, 3_000))))
    }

    /// A large body on the disk, synced, that no record names yet.
    fn large(&self, n: u64) -> LargeBody {
        self.runtime.block_on(async {
            let mut large = self.journal.begin_large().await.unwrap();
            large.write(body(n, 20_000)).await.unwrap();
            large.finish().await.unwrap()
        })
    }

    fn append_large(&self, n: u64, large: LargeBody) -> Result<Position, Error> {
        self.runtime.block_on(self.journal.append(envelope(n), Body::Large(large)))
    }

    fn large_files(&self) -> usize {
        self.disk.list(&Path::new(DIR).join("large")).unwrap().len()
    }

    fn restart(&mut self, power_cut: bool) {
        self.disk.heal();
        self.disk.restart(power_cut);
        self.journal = Scene::open(&self.disk);
    }

    fn numbers(&self) -> Vec<String> {
        let entries = self.journal.reader().entries(Position::START, 1_000).unwrap();
        entries.into_iter().map(|e| e.envelope.session).collect()
    }
}

#[test]
fn a_segment_whose_sync_failed_is_never_written_again() {
    let scene = Scene::new(3);
    let before = scene.append(10).unwrap();
    scene.disk.fail(Fault::Sync, 0);
    let refused = scene.append(11).unwrap_err();
    assert!(refused.is_transient() && !refused.is_full(), "{refused}");
    let after = scene.append(12).unwrap();
    assert!(after.segment > before.segment);
    assert_eq!(scene.numbers(), ["s0", "s1", "s2", "s10", "s12"]);
}

#[test]
fn what_was_refused_stays_out_of_sight_even_if_its_segment_could_not_be_cut() {
    let mut scene = Scene::new(1);
    scene.disk.fail(Fault::Sync, 0);
    scene.disk.fail(Fault::SetLen, 0);
    // Nor can the mark be written: only the next segment says where this one ended.
    scene.disk.fail(Fault::Write, 1);
    scene.append(2).unwrap_err();
    scene.append(3).unwrap();
    for _ in 0..2 {
        scene.restart(false);
        assert_eq!(scene.numbers(), ["s0", "s3"]);
    }
}

#[test]
fn a_refused_large_mail_that_comes_to_light_has_its_body() {
    let mut scene = Scene::new(1);
    let large = scene.large(2);
    // The record is written; neither it nor the cut nor the mark of the end can be made sure of.
    scene.disk.fail(Fault::Sync, 0);
    scene.disk.fail(Fault::SetLen, 0);
    scene.disk.fail(Fault::Write, 1);
    scene.append_large(2, large).unwrap_err();
    scene.journal.close();
    scene.restart(false);
    assert_eq!(scene.numbers(), ["s0", "s2"], "written whole and never acknowledged: it may be shown");
    let reader = scene.journal.reader();
    let shown = reader.entries(Position::START, 10).unwrap().pop().unwrap();
    assert!(reader.body(shown.position).unwrap() == body(2, 20_000));
    assert_eq!(reader.verify(&mut |_, _| {}).unwrap().damages, []);
}

#[test]
fn a_refused_large_mail_leaves_no_file_behind() {
    let mut scene = Scene::new(1);
    let large = scene.large(2);
    scene.disk.fail(Fault::Sync, 0);
    scene.append_large(2, large).unwrap_err();
    scene.append(3).unwrap();
    scene.restart(false);
    assert_eq!((scene.numbers(), scene.large_files()), (vec!["s0".to_owned(), "s3".to_owned()], 0));
    // Nothing was written of one that is dropped before its record, so its file goes at once.
    drop(scene.large(4));
    scene.journal.close();
    assert_eq!(scene.large_files(), 0);
}

#[test]
fn a_sync_that_failed_is_not_believed_after_the_process_ended() {
    // The mail is in the system's memory, which believes that it is on the disk. It may be shown, but
    // what was shown must not go with the power.
    let mut scene = Scene::new(1);
    scene.disk.fail(Fault::Sync, 0);
    scene.disk.fail(Fault::SetLen, 0);
    // Nor can the mark be written that says where the segment ended.
    scene.disk.fail(Fault::Write, 1);
    scene.append(2).unwrap_err();
    scene.restart(false);
    let shown = scene.numbers();
    assert_eq!(shown, ["s0", "s2"]);
    scene.restart(true);
    assert_eq!(scene.numbers(), shown);
}

#[test]
fn a_write_that_was_torn_before_a_whole_record_is_no_damage() {
    for seed in 0..40 {
        let mut scene = Scene::on(ModelDisk::new(seed), 1);
        scene.disk.pause(true);
        let acknowledged = scene.runtime.block_on(async {
            let append = |n| {
                let journal = scene.journal.clone();
                tokio::spawn(async move { journal.append(envelope(n), Body::Inline(body(n, 600))).await })
            };
            let waiting: Vec<_> = (1..6).map(append).collect();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            // The first write is the first mail's, the second most others': the process ends before it is synced.
            scene.disk.die_at_sync(1);
            scene.disk.pause(false);
            let mut acknowledged = 1;
            for answer in waiting {
                acknowledged += usize::from(answer.await.unwrap().is_ok());
            }
            acknowledged
        });
        scene.restart(true);
        let reader = scene.journal.reader();
        assert_eq!(reader.verify(&mut |_, _| {}).unwrap().damages, []);
        assert!(reader.mails(Position::START, 9, 9_000).unwrap().len() >= acknowledged);
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_and_works_again_when_there_is_room() {
    let scene = Scene::new(1);
    scene.disk.set_full(true);
    let refused = scene.append(2).unwrap_err();
    assert!(refused.is_full() && refused.is_transient(), "{refused}");
    scene.disk.set_full(false);
    scene.append(3).unwrap();
    assert_eq!(scene.numbers(), ["s0", "s3"]);
}

#[test]
fn a_mark_that_could_not_be_written_is_written_with_the_next() {
    let mut scene = Scene::new(3);
    let at: Vec<Position> = scene.journal.reader().entries(Position::START, 9).unwrap().iter().map(|e| e.position).collect();
    scene.disk.fail(Fault::Write, 0);
    scene.journal.mark_done(&at[..1]).unwrap_err();
    assert!(scene.journal.is_done(at[0]));
    scene.journal.mark_done(&at[1..2]).unwrap();
    scene.restart(false);
    assert_eq!(at.iter().map(|p| scene.journal.is_done(*p)).collect::<Vec<_>>(), [true, true, false]);
}

/// Where a mail of a scene lies, and its segment's file.
fn place(scene: &Scene, n: usize) -> (Entry, PathBuf) {
    let entry = scene.journal.reader().entries(Position::START, 1_000).unwrap().swap_remove(n);
    let path = Path::new(DIR).join(super::folder::segment_name(entry.position.segment));
    (entry, path)
}

#[test]
fn damage_in_what_was_durable_is_reported_once_and_the_rest_is_read() {
    // In the header, in the envelope, in the body; in the newest segment and in a sealed one.
    for (at, power_cut, sealed) in
        [(4, true, false), (100, true, false), (1_500, true, false), (4, false, true), (1_500, false, true)]
    {
        let mut scene = Scene::new(6);
        let (entry, path) = place(&scene, 2);
        if sealed {
            scene.restart(power_cut);
        }
        assert!(scene.disk.corrupt(&path, entry.position.offset as usize + at, 3));
        scene.restart(power_cut);
        let reader = scene.journal.reader();
        let first = reader.mails(Position::START, 10, 10_000).unwrap();
        assert_eq!(first.len(), 2);
        let from = first[1].0.next;
        let damage = reader.mails(from, 10, 10_000).unwrap_err();
        assert!(matches!(damage, Error::Damaged { at, resume, .. } if at == entry.position && resume == entry.next), "{damage}");
        let rest: Vec<String> = reader.mails(from, 10, 10_000).unwrap().into_iter().map(|(e, _)| e.envelope.session).collect();
        assert_eq!(rest, ["s3", "s4", "s5"]);
        let verified = reader.verify(&mut |_, _| {}).unwrap();
        assert_eq!((verified.mails, verified.damages.len(), verified.damages[0].at), (5, 1, entry.position));
        assert_eq!(scene.journal.first_unfinished(), Position { ..first[0].0.position });
    }
}

#[test]
fn an_end_that_was_wiped_is_missed() {
    let mut scene = Scene::new(6);
    let (entry, path) = place(&scene, 5);
    scene.restart(true);
    assert!(scene.append(9).is_ok(), "the next segment says where the one before ended");
    assert!(scene.disk.corrupt(&path, entry.position.offset as usize, 40));
    scene.restart(true);
    let verified = scene.journal.reader().verify(&mut |_, _| {}).unwrap();
    assert_eq!((verified.mails, verified.damages.len(), verified.damages[0].at), (6, 1, entry.position));
}

#[test]
fn a_segment_goes_when_its_mails_are_done_and_old_and_nobody_holds_them() {
    let mut scene = Scene::new(100);
    let (first, path) = place(&scene, 0);
    let second = scene
        .journal
        .reader()
        .entries(Position::START, 200)
        .unwrap()
        .into_iter()
        .find(|e| e.position.segment > first.position.segment)
        .unwrap();
    let of = |segment: u32, journal: &Journal| -> Vec<Position> {
        let entries = journal.reader().entries(Position::START, 200).unwrap();
        entries.iter().map(|e| e.position).filter(|p| p.segment == segment).collect()
    };
    let (never, none) = (i64::MAX, Vec::<u32>::new());
    assert_eq!(scene.journal.retire_segments(never, &mut |_| true).unwrap(), none, "nothing is done");
    let mails = of(first.position.segment, &scene.journal);
    scene.journal.mark_done(&mails).unwrap();
    assert_eq!(scene.journal.first_unfinished(), second.position);
    assert_eq!(scene.journal.retire_segments(0, &mut |_| true).unwrap(), none, "nothing is old");
    assert_eq!(scene.journal.retire_segments(never, &mut |_| false).unwrap(), none, "somebody holds it");
    scene.restart(false);
    assert_eq!(scene.journal.retire_segments(never, &mut |_| true).unwrap(), [first.position.segment]);
    for power_cut in [false, true] {
        assert!(!scene.disk.corrupt(&path, 0, 1), "the file is gone");
        assert_eq!(scene.journal.reader().entry(first.position), Err(Error::NotFound(first.position)));
        assert_eq!(scene.numbers().len(), 100 - mails.len());
        assert_eq!(scene.journal.first_unfinished(), second.position);
        scene.restart(power_cut);
    }
    let last = scene.append(1_000).unwrap();
    assert!(last.segment > second.position.segment, "numbers are not used again");
}

#[test]
fn when_all_segments_but_an_empty_one_are_gone_positions_still_go_on() {
    let mut scene = Scene::new(2);
    let entries = scene.journal.reader().entries(Position::START, 9).unwrap();
    scene.journal.mark_done(&entries.iter().map(|e| e.position).collect::<Vec<_>>()).unwrap();
    scene.restart(false);
    assert_eq!(scene.journal.retire_segments(i64::MAX, &mut |_| true).unwrap().len(), 1);
    for _ in 0..3 {
        scene.restart(true);
    }
    assert!(scene.append(3).unwrap() > entries[1].position);
}

#[test]
fn a_mail_that_only_a_newer_tidegate_understands_is_kept_and_stops_no_other() {
    use super::record::{RECORD_HEADER_BYTES, RecordHeader};
    use std::io::IoSlice;
    for with_flag in [true, false] {
        let mut scene = Scene::new(4);
        let (entry, path) = place(&scene, 1);
        let offset = u64::from(entry.position.offset);
        let seed = scene.journal.0.shared.folder.seed(entry.position.segment);
        let file = scene.disk.open(&path, Access::Write).unwrap();
        let mut bytes = [0; RECORD_HEADER_BYTES];
        file.read_at(&mut bytes, offset).unwrap();
        let mut header = RecordHeader::decode(&bytes, seed, offset).unwrap();
        let mut envelope = vec![0; header.envelope_len as usize];
        file.read_at(&mut envelope, offset + RECORD_HEADER_BYTES as u64).unwrap();
        if with_flag {
            header.flags = 0x10;
        } else {
            envelope[..3].copy_from_slice(b"new");
            header.envelope_crc = seed.crc(offset, &envelope);
        }
        let record = [&header.encode(seed, offset), envelope.as_slice()].concat();
        super::disk::write_all(&*file, &mut [IoSlice::new(&record)], offset).unwrap();
        file.sync().unwrap();
        scene.restart(true);

        let reader = scene.journal.reader();
        let first = reader.entries(Position::START, 9).unwrap();
        assert_eq!(first.len(), 1, "those before it come first");
        let told = reader.entries(first[0].next, 9).unwrap_err();
        assert!(matches!(told, Error::Damaged { at, .. } if at == entry.position), "{told}");
        assert_eq!(reader.entries(first[0].next, 9).unwrap().len(), 2, "told once, then passed");
        assert!(reader.entry(entry.position).is_err());
        assert_eq!(reader.verify(&mut |_, _| {}).unwrap().mails, 4, "its bytes are whole");
    }
}
