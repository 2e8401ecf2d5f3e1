//! Plots as SVG, and the page around them: lines over seconds, and strips of states.
//!
//! Colours are classes, so that the page says them once, for light and for dark.

mod page;

use std::fmt::Write as _;

pub(crate) use page::Page;

/// The plotted area and what is around it, in the SVG's own units.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;
const RIGHT: f64 = 10.0;
const STRIP: f64 = 16.0;
/// Classes of lines: `c0`, `c1`, and so on.
pub(crate) const COLOURS: usize = 8;

/// What all plots of a page share: the time, and what is marked in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) seconds: usize,
    pub(crate) band: Option<Band>,
}

/// A time in which something was out of order: from, to, and what it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) name: &'static str,
}

/// A line: its name, its class, its values second by second.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) values: Vec<f64>,
}

/// Lines over time; `mark`: a level that should not be passed.
pub(crate) fn lines(axis: Axis, lines: &[Line], mark: Option<f64>) -> String {
    let values = lines.iter().flat_map(|line| &line.values).copied().chain(mark);
    let top = step(values.fold(0.0, f64::max));
    let y = |value: f64| TOP + HEIGHT * (1.0 - (value / top).clamp(0.0, 1.0));
    let mut svg = open(axis, HEIGHT);
    for part in 0..=4 {
        let value = top * f64::from(part) / 4.0;
        let at = y(value);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.0}" y1="{at:.1}" y2="{at:.1}"/><text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT + WIDTH,
            LEFT - 6.0,
            at + 3.5,
            number(value)
        );
    }
    if let Some(mark) = mark {
        let at = y(mark);
        let right = LEFT + WIDTH;
        let _ = write!(
            svg,
            r#"<line class="mark" x1="{LEFT}" x2="{right:.0}" y1="{at:.1}" y2="{at:.1}"/>"#
        );
    }
    for line in lines {
        let points = line.values.iter().enumerate();
        let points =
            points.map(|(second, value)| format!("{:.1},{:.1}", axis.x(second), y(*value)));
        let _ = write!(
            svg,
            r#"<polyline class="line {}" points="{}"><title>{}</title></polyline>"#,
            line.class,
            points.collect::<Vec<_>>().join(" "),
            escaped(&line.name)
        );
    }
    svg.push_str("</svg>");
    svg + &legend(lines)
}

/// A strip for each name, coloured by the state in each second; a state's name is its class.
pub(crate) fn strips(axis: Axis, strips: &[(String, Vec<&'static str>)]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a handful of servers")]
    let height = strips.len() as f64 * STRIP;
    let mut svg = open(axis, height);
    let mut at = TOP;
    for (name, states) in strips {
        let mut from = 0;
        for run in states.chunk_by(|one, other| one == other) {
            let (state, to) = (run.first().copied().unwrap_or_default(), from + run.len());
            let _ = write!(
                svg,
                r#"<rect class="state {state}" x="{:.1}" width="{:.1}" y="{:.1}" height="{:.1}"><title>{}: {state} from {from}s to {to}s</title></rect>"#,
                axis.x(from),
                axis.x(to) - axis.x(from),
                at + 2.0,
                STRIP - 4.0,
                escaped(name)
            );
            from = to;
        }
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 6.0,
            at + STRIP - 4.5,
            escaped(name)
        );
        at += STRIP;
    }
    svg + "</svg>"
}

impl Axis {
    fn x(self, second: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let share = second as f64 / self.seconds.max(1) as f64;
        LEFT + WIDTH * share.min(1.0)
    }
}

/// The frame: the band and the seconds below.
fn open(axis: Axis, height: f64) -> String {
    let scale = |second: f64| {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let share = second / axis.seconds.max(1) as f64;
        LEFT + WIDTH * share.clamp(0.0, 1.0)
    };
    let mut svg = format!(
        r#"<svg viewBox="0 0 {:.0} {:.0}" role="img">"#,
        LEFT + WIDTH + RIGHT,
        TOP + height + BOTTOM,
    );
    if let Some(Band { from, to, name }) = axis.band {
        let (from, to) = (scale(from), scale(to));
        let _ = write!(
            svg,
            r#"<rect class="band" x="{from:.1}" width="{:.1}" y="{TOP}" height="{height:.0}"><title>{name}</title></rect>"#,
            to - from
        );
    }
    let round = match axis.seconds {
        0..=60 => 5,
        61..=720 => 10,
        721..=7_200 => 60,
        _ => 3_600,
    };
    let every = (axis.seconds / 12).max(1).next_multiple_of(round);
    for second in (0..=axis.seconds).step_by(every) {
        let time = match round {
            3_600 => format!("{}h", second / 3_600),
            60 => format!("{}m", second / 60),
            _ => format!("{second}s"),
        };
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{time}</text>"#,
            axis.x(second),
            TOP + height + 15.0
        );
    }
    svg
}

fn legend(lines: &[Line]) -> String {
    let entries = lines.iter().map(|line| {
        format!(r#"<span><i class="{}"></i>{}</span>"#, line.class, escaped(&line.name))
    });
    format!(r#"<p class="legend">{}</p>"#, entries.collect::<String>())
}

/// The next number from which a reader can tell a quarter.
fn step(most: f64) -> f64 {
    let mut unit = 1.0;
    while unit * 10.0 < most {
        unit *= 10.0;
    }
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0].map(|factor| factor * unit);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => format!("{:.0}k", value / 1_000.0),
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// Text inside of HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_that_is_large_enough() {
        let ends = [0.0, 0.7, 1.3, 3.0, 67.0, 201.0, 4_500.0].map(step);
        assert_eq!(ends, [1.0, 1.0, 2.0, 4.0, 80.0, 400.0, 8_000.0]);
    }

    #[test]
    fn equal_states_become_one_rectangle_and_names_cannot_end_a_tag() {
        let band = Some(Band { from: 1.0, to: 2.0, name: "the outage" });
        let axis = Axis { seconds: 4, band };
        let states = vec!["healthy", "ejected", "ejected", "healthy"];
        let svg = strips(axis, &[("a<b".to_owned(), states)]);
        assert_eq!(svg.matches("class=\"state").count(), 3);
        assert!(svg.contains("a&lt;b: ejected from 1s to 3s"), "{svg}");
    }
}
