//! How sure a share is: the exact binomial upper bound of Clopper and Pearson.
//!
//! `k` of `n` mails were read wrongly. The bound is the share at which seeing so few would have become
//! unlikely. It is found by bisection on the exact tail, added up in logarithms, so that no table and no
//! approximation is needed and 0 of 20,000 and 10,000 of 20,000 are equally right.
//!
//! # Failure
//! None: more misses than mails count as all of them.

/// Steps of the bisection: each halves the error, so the result is exact to the last digit of f64.
const STEPS: usize = 200;

/// The upper bound of the share when `k` of `n` were wrong and the tail has probability `alpha`
/// (0.05: one-sided 95 %; 0.025: the upper end of the two-sided 95 %). 1 when nothing was looked at.
#[must_use]
pub fn upper_bound(k: u64, n: u64, alpha: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    let wanted = alpha.ln();
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if ln_tail(k, n, middle) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// ln P(X ≤ k) for X binomial with `n` and `p`.
#[allow(clippy::cast_precision_loss)] // counts of mails are far below 2^52
fn ln_tail(k: u64, n: u64, p: f64) -> f64 {
    let odds = p.ln() - (-p).ln_1p();
    let mut term = n as f64 * (-p).ln_1p();
    let mut sum = term;
    for i in 0..k {
        term += ((n - i) as f64).ln() - ((i + 1) as f64).ln() + odds;
        let (large, small) = if term > sum { (term, sum) } else { (sum, term) };
        sum = large + (small - large).exp().ln_1p();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(k: u64, n: u64, alpha: f64) -> String {
        format!("{:.5}", 100.0 * upper_bound(k, n, alpha))
    }

    #[test]
    fn without_a_miss_it_is_the_closed_form() {
        assert_eq!(percent(0, 20_000, 0.05), "0.01498");
        assert_eq!(percent(0, 20_000, 0.025), "0.01844");
        for n in [1_u32, 10, 1_000, 100_000] {
            let closed = 1.0 - 0.05_f64.powf(1.0 / f64::from(n));
            assert!((upper_bound(0, n.into(), 0.05) - closed).abs() < 1e-12, "{n}");
        }
    }

    #[test]
    fn with_misses_it_is_what_tables_say() {
        // Two-sided 95 % for 1 of 10 and 5 of 10.
        assert_eq!(percent(1, 10, 0.025), "44.50161");
        assert_eq!(percent(5, 10, 0.025), "81.29140");
        assert!((upper_bound(10, 10, 0.05) - 1.0).abs() < f64::EPSILON);
        assert!((upper_bound(0, 0, 0.05) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn more_misses_never_lower_it() {
        let bounds: Vec<f64> = (0..200).map(|k| upper_bound(k, 5_000, 0.05)).collect();
        assert!(bounds.windows(2).all(|w| w[0] < w[1]));
    }
}
