//! What was probably meant.

/// The candidate that is written most like `given`, if one is near enough to be a slip of the keyboard.
pub(crate) fn nearest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = match given.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let given = given.to_lowercase();
    let ranked = candidates.into_iter().map(|candidate| {
        let candidate_lower = candidate.to_lowercase();
        (distance(&given, &candidate_lower), candidate)
    });
    let near = ranked.filter(|(distance, candidate)| {
        *distance <= allowed && *distance < candidate.chars().count()
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// "did you mean …?" and what there is; for a hint.
pub(crate) fn hint(given: &str, what: &str, candidates: &[&str]) -> String {
    let meant = nearest(given, candidates.iter().copied());
    let meant = meant.map(|meant| format!("did you mean {meant:?}? ")).unwrap_or_default();
    format!("{meant}{what}: {}", list(candidates))
}

/// The candidates, joined; long lists are cut.
pub(crate) fn list(candidates: &[&str]) -> String {
    const SHOWN: usize = 24;
    if candidates.is_empty() {
        return "(none)".to_owned();
    }
    let shown = candidates[..candidates.len().min(SHOWN)].join(", ");
    let rest = candidates.len().saturating_sub(SHOWN);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    let mut previous = None;
    for (row, a) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in two.iter().enumerate() {
            let replaced = last[column] + usize::from(a != *b);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = column > 0 && previous == Some(*b) && two[column - 1] == a;
            if swapped && let Some(before) = before_last.get(column - 1) {
                best = best.min(before + 1);
            }
            current.push(best);
        }
        before_last = core::mem::replace(&mut last, current);
        previous = Some(a);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("inside", "insde"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(nearest("insid", ["outside", "inside"]), Some("inside"));
        assert_eq!(nearest("Inside", ["inside"]), Some("inside"));
        assert_eq!(nearest("guests", ["inside", "outside"]), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
