//! Whoever was never asked in stays outside, whatever he refers to and however often.

use crate::graphs::{CONVERSATIONS, Mail, ORGANISATION, alone, graph, keys, known, short_lived};
use proptest::prelude::*;
use proptest::sample::Index;
use tidegate::mail::{ConversationId, May, Person, Policy, ThreadKeys};
use tidegate::threading::Partition;

const MALLORY: &str = "mallory@m.test";

/// A mail of somebody whom nobody names and who was given nothing. He may know every id that came so far, and those of his own.
fn mallorys(n: usize, at: usize, knows: &[String], refers: &[Index], policy: Policy) -> ThreadKeys {
    let references = refers.iter().filter(|_| !knows.is_empty()).map(|index| index.get(knows).clone()).collect();
    ThreadKeys {
        references,
        sender: MALLORY.to_owned(),
        people: vec![Person { name: String::new(), address: MALLORY.to_owned() }],
        base_subject: "subject".to_owned(),
        received_at_us: at as i64,
        policy,
        ..ThreadKeys::new(ORGANISATION, format!("{n}@m.test"))
    }
}

/// What happens: a mail of the graph, or one of his.
#[derive(Debug, Clone)]
enum Step {
    Mail(Mail),
    Mallory(Vec<Index>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let his = prop::collection::vec((any::<Index>(), prop::collection::vec(any::<Index>(), 0..4)), 1..12);
    (graph(20), his).prop_map(|((mails, _), his)| {
        let mut steps: Vec<Step> = mails.into_iter().map(Step::Mail).collect();
        for (place, refers) in his {
            steps.insert(place.index(steps.len() + 1), Step::Mallory(refers));
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn who_was_never_asked_in_gets_into_nothing_that_others_wrote_by_right(steps in steps()) {
        for policy in [Policy::default(), alone(), short_lived()] {
            let mut before = known(false);
            // The product wrote to somebody there, so nobody else is the first.
            for facts in before.conversations.values_mut().filter(|facts| facts.alias_of.is_none()) {
                facts.participants.insert("addressee@people.test".to_owned());
            }
            let mut partition = Partition::from_index(before);
            let (mut knows, mut by_right, mut his): (Vec<String>, Vec<usize>, usize) = (Vec::new(), Vec::new(), 0);
            for (at, step) in steps.iter().enumerate() {
                match step {
                    Step::Mail(mail) => {
                        let keys = ThreadKeys { policy, ..keys(mail, at, ORGANISATION, &CONVERSATIONS) };
                        knows.push(keys.message_id.clone());
                        if matches!(partition.add(&keys).may, May::Open | May::Participant) {
                            by_right.push(at);
                        }
                    }
                    Step::Mallory(refers) => {
                        let keys = mallorys(his, at, &knows, refers, policy);
                        knows.push(keys.message_id.clone());
                        his += 1;
                        let decision = partition.add(&keys);
                        let here = partition.conversation(at);
                        if by_right.iter().any(|nth| partition.conversation(*nth) == here) {
                            prop_assert_eq!(decision.may, May::Unverified, "mail {}: {:?}", at, decision);
                        }
                    }
                }
                for nth in &by_right {
                    let there: ConversationId = partition.conversation(*nth).unwrap();
                    prop_assert!(!partition.index().conversations[&there].participants.contains(MALLORY), "after mail {}", at);
                }
            }
        }
    }
}
