//! Plays batch after batch, and tells what came of it.

use std::collections::BTreeMap;
use std::fmt;

use super::batch::{self, Stage};
use super::case::Case;
use super::draw;
use super::pace::{ORDINARY, OTHERS};
use super::search::{Differing, Hosts, Outcome, Search};
use crate::model::EnvoyVersion;
use crate::scenario::workbench::Workbench;

/// Cases in one process.
pub(super) const BATCH: u64 = 200;
/// So many cases are drawn for each that is asked for, at most.
const DRAWN_FOR_ONE: u64 = 3;
/// How the simulator begins to say that it does not model something.
const NOT_MODELLED: &str = "the simulator does not model";

/// What to look for.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// How many cases.
    pub cases: u64,
    /// Others are drawn in the place of those that do not count.
    pub replaced: bool,
    /// The first one.
    pub first: u64,
    /// From which they are drawn.
    pub seed: u64,
    /// Whether a real Envoy plays them too.
    pub envoy: bool,
    /// Which one.
    pub version: EnvoyVersion,
    /// How many differing cases are made smaller; that takes a process for each step.
    pub made_smaller: usize,
}

/// A case in which the hosts differ.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its number.
    pub case: u64,
    /// What differs, in the smallest case that still does.
    pub differences: Vec<String>,
    /// The smallest case, as a scenario file.
    pub scenario: String,
    /// What repeats it.
    pub repeat: String,
}

/// What came of a hunt.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Cases that were drawn.
    pub drawn: u64,
    /// Cases that count: compared between the hosts, if there are two.
    pub counted: u64,
    /// Left out: Envoy does not define what a plugin does there.
    pub undefined: u64,
    /// Left out: which of two events is first decides.
    pub races: u64,
    /// Left out: the model of this version of Envoy refuses by name what a plugin does there.
    pub refused: u64,
    /// Why each case that does not count was left out, by its number.
    pub left_out: Vec<(u64, String)>,
    /// Differed once and not again, when fewer ran at a time: their numbers, and how.
    pub unsteady: Vec<(u64, Vec<String>)>,
    /// Differ.
    pub findings: Vec<Finding>,
    /// Differences that belong to no case, such as a request of a plugin that nobody waits for.
    pub elsewhere: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases ({} drawn; {} left out as undefined by Envoy, {} as races, {} as refused by \
             name): {} differed once and not again, {} differ",
            self.counted,
            self.drawn,
            self.undefined,
            self.races,
            self.refused,
            self.unsteady.len(),
            self.findings.len()
        )
    }
}

impl Hunt {
    /// The first case as a scenario file.
    #[must_use]
    pub fn scenario(&self) -> String {
        batch::kept(&draw::case(self.seed, self.first))
    }

    /// Plays all cases; `tell` hears how far it is: before each batch too, so that the last line names the
    /// cases even when the process is killed in the middle of them.
    ///
    /// # Errors
    /// When a host cannot be started, or does not survive a case; the cases are named.
    pub fn run(&self, bench: &Workbench, mut tell: impl FnMut(&str)) -> Result<Report, String> {
        let stage = Stage::new(bench, self.version)?;
        let mut report = Report::default();
        let most = if self.replaced { self.cases * DRAWN_FOR_ONE } else { self.cases };
        let (mut next, end) = (self.first, self.first.saturating_add(most));
        while next < end && report.counted < self.cases {
            let last = end.min((next / BATCH + 1) * BATCH);
            let cases: Vec<Case> = (next..last).map(|index| draw::case(self.seed, index)).collect();
            let name = format!("cases {next} to {}", last - 1);
            tell(&name);
            report.drawn += last - next;
            next = last;
            // A bug of the model must not end the hunt without a word of where it was.
            let played =
                std::panic::AssertUnwindSafe(|| self.batch(&stage, cases, &mut report, &mut tell));
            match std::panic::catch_unwind(played) {
                Ok(played) => played.map_err(|error| format!("{name}: {error}"))?,
                Err(_) => return Err(format!("{name}: the simulator panicked (see above)")),
            }
            tell(&report.to_string());
        }
        Ok(report)
    }

    fn batch(
        &self,
        stage: &Stage<'_>,
        cases: Vec<Case>,
        report: &mut Report,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let mut sound = sound(stage, cases, report)?;
        let wanted = self.cases - report.counted;
        sound.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        report.counted += sound.len() as u64;
        let mut hosts = OnStage { stage, tell };
        if self.envoy { self.compare(&mut hosts, &sound, report) } else { Ok(()) }
    }

    /// Plays them on both hosts, those that differ once more, and makes them smaller.
    fn compare(
        &self,
        hosts: &mut OnStage<'_, '_>,
        cases: &[Case],
        report: &mut Report,
    ) -> Result<(), String> {
        let mut search = Search::among_many(hosts);
        let first = search.differing(cases)?;
        report.elsewhere.extend(first.unsearched);
        let suspects = match first.cases.is_empty() && !first.elsewhere.is_empty() {
            true => search.culprits(cases)?,
            false => first.cases,
        };
        if suspects.is_empty() {
            report.elsewhere.extend(first.elsewhere);
        }
        let again: Vec<Case> = suspects.iter().map(|(case, _)| case.clone()).collect();
        let confirmed = Search::among_many(hosts).differing(&again)?.cases;
        for (case, differences) in suspects {
            if !confirmed.iter().any(|(other, _)| *other == case) {
                report.unsteady.push((case.index, differences));
            }
        }
        for (case, differences) in confirmed {
            let (case, differences) = match report.findings.len() < self.made_smaller {
                true => Search::for_one(hosts).reduced(case, differences)?,
                false => (case, differences),
            };
            let (number, seed) = (case.index, self.seed);
            let version = match self.version {
                version if version == EnvoyVersion::default() => String::new(),
                version => format!(" --envoy {}", crate::scenario::drive::name(version)),
            };
            report.findings.push(Finding {
                case: number,
                differences,
                scenario: batch::kept(&case),
                repeat: format!(
                    "cargo run --release -- fuzz --seed {seed} --case {number} --host both{version}"
                ),
            });
        }
        Ok(())
    }
}

/// The simulator and a real Envoy.
struct OnStage<'a, 'b> {
    stage: &'a Stage<'b>,
    tell: &'a mut dyn FnMut(&str),
}

impl Hosts for OnStage<'_, '_> {
    fn sound(&mut self, cases: Vec<Case>) -> Result<Vec<Case>, String> {
        sound(self.stage, cases, &mut Report::default())
    }

    fn compare(&mut self, cases: &[Case]) -> Result<Outcome, String> {
        let simulated = self.stage.simulate(cases, ORDINARY)?;
        let real = match self.stage.on_envoy(cases) {
            Ok(real) => real,
            Err(error) => return Ok(Outcome::Ended(error)),
        };
        let only = (cases.len() == 1).then_some(0);
        let (mut found, mut of_only) = (Differing::default(), Vec::new());
        for (place, differences) in simulated.differences(&real) {
            let differences = differences.iter().map(ToString::to_string);
            match place.or(only).and_then(|place| cases.get(place)) {
                Some(_) if only.is_some() => of_only.extend(differences),
                Some(case) => found.cases.push((case.clone(), differences.collect())),
                None => found.elsewhere.extend(differences),
            }
        }
        if !of_only.is_empty() {
            found.cases = cases.iter().map(|case| (case.clone(), of_only.clone())).collect();
        }
        Ok(Outcome::Compared(found))
    }

    fn tell(&mut self, what: &str) {
        (self.tell)(what);
    }
}

/// The cases that mean something on both hosts.
fn sound(stage: &Stage<'_>, cases: Vec<Case>, report: &mut Report) -> Result<Vec<Case>, String> {
    let ordinary = match stage.simulate(&cases, ORDINARY) {
        Ok(ordinary) => ordinary,
        Err(_) if cases.len() > 1 => {
            // What the model refuses ends the run of all: each half alone tells which case it was.
            let (one, other) = cases.split_at(cases.len() / 2);
            let mut found = sound(stage, one.to_vec(), report)?;
            found.extend(sound(stage, other.to_vec(), report)?);
            return Ok(found);
        }
        Err(error) if error.contains(NOT_MODELLED) => {
            report.refused += 1;
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    if ordinary.open_streams() > 0 {
        return Err(format!("{} streams never ended in the simulator", ordinary.open_streams()));
    }
    let mut undefined = ordinary.undefined();
    let cut = ordinary.cut_at_once().into_iter();
    let mut races: BTreeMap<usize, String> =
        cut.map(|place| (place, "cut within 30 ms of its headers".to_owned())).collect();
    for pace in OTHERS {
        // At another pace a case may come to what is refused; then it is a race, whichever it is.
        let Ok(other) = stage.simulate(&cases, pace) else { continue };
        undefined.extend(other.undefined());
        for (place, differences) in ordinary.differences(&other) {
            let Some(place) = place else { continue };
            let why = differences.last().map(ToString::to_string).unwrap_or_default();
            races.entry(place).or_insert_with(|| format!("at pace {}: {why}", pace.seed));
        }
    }
    races.retain(|place, _| !undefined.contains_key(place));
    report.undefined += undefined.len() as u64;
    report.races += races.len() as u64;
    for (place, why) in undefined.iter().chain(&races) {
        report.left_out.extend(cases.get(*place).map(|case| (case.index, why.clone())));
    }
    let is_sound = |place: &usize| !undefined.contains_key(place) && !races.contains_key(place);
    let sound = cases.into_iter().enumerate().filter(|(place, _)| is_sound(place));
    Ok(sound.map(|(_, case)| case).collect())
}
