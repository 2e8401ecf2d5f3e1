//! One number of a text replaced, and nothing else.
//!
//! Where a number stands in the tree is known; where its digits stand among the bytes depends on how the text
//! around it is quoted, folded and indented. So the places where these digits stand are tried, the likeliest
//! first, and the one counts with which the whole file is what it was but for this number.

use crate::yaml::{Error, Node, Place, Problem, Value, parse};

use super::sites::{self, Spot};

/// The text with another weight of this version (`arm`) of this split (`site`), each by its place among all.
pub(super) fn change(
    file: &str,
    text: &str,
    site: usize,
    arm: usize,
    weight: u32,
) -> Result<String, Error> {
    // The parser counts no byte order mark.
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let documents = parse(file, text)?;
    let found = sites::find(&documents)?;
    let spot =
        found.get(site).and_then(|site| site.arms.get(arm)).and_then(|arm| arm.spot.as_ref());
    let Some(spot) = spot else { return Ok(format!("{mark}{text}")) };
    let new = weight.to_string();
    let (expected, likeliest) = expected(&documents, spot, &new)?;
    let mut places = digits(text, spot, offset(text, &spot.scalar));
    // Where the text has escapes with digits, it is not the place that counting says, but one nearby.
    places.sort_by_key(|(index, _)| index.abs_diff(likeliest));
    for (_, at) in places.into_iter().take(TRIES) {
        let end = at + spot.digits.len();
        let (Some(head), Some(tail)) = (text.get(..at), text.get(end..)) else { continue };
        let changed = format!("{mark}{head}{new}{tail}");
        let is_it = parse(file, &changed).is_ok_and(|documents| {
            documents.len() == expected.len()
                && documents.iter().zip(&expected).all(|(left, right)| is_same(left, right))
        });
        if is_it {
            return Ok(changed);
        }
    }
    Err(stuck(spot, "a number whose digits are not in the text as they are"))
}

/// The place is nearly always the first one tried.
const TRIES: usize = 1_000;

/// The tree with the other number, and how many equal numbers stand before it in its text.
fn expected(documents: &[Node], spot: &Spot, new: &str) -> Result<(Vec<Node>, usize), Error> {
    let (mut uses, mut likeliest) = (0, 0);
    let mut documents = documents.to_vec();
    for document in &mut documents {
        document.visit_mut(&mut |node: &mut Node| {
            if node.place != spot.scalar {
                return Ok(());
            }
            let Value::Scalar(scalar) = &mut node.value else { return Ok(()) };
            uses += 1;
            let Some(inside) = &spot.inside else {
                new.clone_into(&mut scalar.text);
                return Ok(());
            };
            let at = offset(&scalar.text, inside);
            let runs = digits(&scalar.text, spot, 0);
            likeliest = runs.iter().filter(|(_, place)| *place < at).count();
            let end = at + spot.digits.len();
            if scalar.text.get(at..end) != Some(&spot.digits) {
                return Err(stuck(spot, "a number that is not where it was read"));
            }
            scalar.text.replace_range(at..end, new);
            Ok(())
        })?;
    }
    if uses == 1 {
        return Ok((documents, likeliest));
    }
    Err(stuck(spot, "a number that an anchor gives to several places"))
}

fn stuck(spot: &Spot, found: &str) -> Error {
    let problem = Problem::Invalid {
        found: format!("`{}`, {found}", spot.digits),
        allowed: "a number that can be changed by itself".to_owned(),
        cure: "write it out, or change it by hand".to_owned(),
    };
    Error::new(spot.scalar.clone(), "", problem)
}

/// Where these digits stand from here on, each with its number. Others may stand beside them: those of an escape.
fn digits(text: &str, spot: &Spot, from: usize) -> Vec<(usize, usize)> {
    let all = text.match_indices(spot.digits.as_str()).map(|(at, _)| at);
    all.filter(|at| *at >= from).enumerate().collect()
}

/// Where a place is among the bytes.
fn offset(text: &str, place: &Place) -> usize {
    let lines = text.split_inclusive('\n');
    let before: usize = lines.clone().take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = lines.clone().nth(place.line.saturating_sub(1)).unwrap_or_default();
    let column = line.char_indices().nth(place.column.saturating_sub(1));
    before + column.map_or(line.len(), |(at, _)| at)
}

/// Whether two trees say the same, wherever it stands.
fn is_same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::Scalar(left), Value::Scalar(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            let pairs = left.iter().zip(right);
            left.len() == right.len()
                && pairs.into_iter().all(|(left, right)| {
                    left.key == right.key && is_same(&left.value, &right.value)
                })
        }
        _ => false,
    }
}
