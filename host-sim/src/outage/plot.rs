//! Plots as SVG: lines over seconds, and strips of states.
//!
//! Colours are classes, so that the page says them once, for light and for dark.

use std::fmt::Write as _;

use super::state::State;

/// The plotted area and what is around it, in the SVG's own units.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;
const RIGHT: f64 = 10.0;
const STRIP: f64 = 16.0;

/// What all plots of a page share: the time, and when the outage was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) seconds: usize,
    pub(super) outage: (f64, f64),
}

/// A line: its name, its class, its values second by second.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) values: Vec<f64>,
}

/// Lines over time; `mark`: a level that should not be passed.
pub(super) fn lines(axis: Axis, lines: &[Line], mark: Option<f64>) -> String {
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

/// A strip for each name, coloured by the state in each second.
pub(super) fn strips(axis: Axis, strips: &[(String, Vec<State>)]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a handful of servers")]
    let height = strips.len() as f64 * STRIP;
    let mut svg = open(axis, height);
    let mut at = TOP;
    for (name, states) in strips {
        let mut from = 0;
        for run in states.chunk_by(|one, other| one == other) {
            let (state, to) = (run.first().copied().unwrap_or_default().name(), from + run.len());
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

/// The frame: the outage's band and the seconds below.
fn open(axis: Axis, height: f64) -> String {
    let scale = |second: f64| {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let share = second / axis.seconds.max(1) as f64;
        LEFT + WIDTH * share.clamp(0.0, 1.0)
    };
    let (from, to) = (scale(axis.outage.0), scale(axis.outage.1));
    let mut svg = format!(
        r#"<svg viewBox="0 0 {:.0} {:.0}" role="img"><rect class="outage" x="{from:.1}" width="{:.1}" y="{TOP}" height="{height:.0}"><title>the outage</title></rect>"#,
        LEFT + WIDTH + RIGHT,
        TOP + height + BOTTOM,
        to - from
    );
    let every = (axis.seconds / 12).max(1).next_multiple_of(if axis.seconds > 60 { 10 } else { 5 });
    for second in (0..=axis.seconds).step_by(every) {
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{second}s</text>"#,
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
pub(super) fn escaped(text: &str) -> String {
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
        let axis = Axis { seconds: 4, outage: (1.0, 2.0) };
        let states = vec![State::Healthy, State::Ejected, State::Ejected, State::Healthy];
        let svg = strips(axis, &[("a<b".to_owned(), states)]);
        assert_eq!(svg.matches("class=\"state").count(), 3);
        assert!(svg.contains("a&lt;b: ejected from 1s to 3s"), "{svg}");
    }
}
