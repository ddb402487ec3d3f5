//! Orders of arrival: all of them where they are few, a seeded choice where they are many.
//!
//! # Failure
//! None.

/// Mails up to which every order is tried: 120 orders.
const ALL_ORDERS_MAILS_MAX: usize = 5;
/// Orders tried beyond that: as named, backwards, and shuffles.
const SHUFFLES: usize = 118;

/// The orders in which `count` mails are filed, the named one first.
pub(super) fn orders(count: usize) -> Vec<Vec<usize>> {
    let named: Vec<usize> = (0..count).collect();
    if count <= ALL_ORDERS_MAILS_MAX {
        return permutations(&named);
    }
    let mut out = vec![named.clone(), named.iter().rev().copied().collect()];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ count as u64;
    for _ in 0..SHUFFLES {
        let mut order = named.clone();
        for n in (1..count).rev() {
            order.swap(n, (next(&mut state) % (n as u64 + 1)) as usize);
        }
        out.push(order);
    }
    out
}

/// xorshift64*: the same on every machine; it need not be good.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let mut out = Vec::new();
    for (n, first) in of.iter().enumerate() {
        let mut others = of.to_vec();
        others.remove(n);
        for mut rest in permutations(&others) {
            rest.insert(0, *first);
            out.push(rest);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn few_mails_come_in_every_order_and_many_in_a_hundred_and_twenty() {
        assert_eq!(orders(1), [[0]]);
        assert_eq!(orders(3)[0], [0, 1, 2]);
        assert_eq!(orders(3).into_iter().collect::<HashSet<_>>().len(), 6);
        assert_eq!(orders(5).into_iter().collect::<HashSet<_>>().len(), 120);
        let many = orders(9);
        assert_eq!((many.len(), many[0][8], many[1][8]), (120, 8, 0));
        assert!(many.iter().all(|o| o.iter().collect::<HashSet<_>>().len() == 9));
        assert_eq!(many, orders(9));
    }
}
