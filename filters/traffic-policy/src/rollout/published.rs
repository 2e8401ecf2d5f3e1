//! What all workers of a proxy know of how far a rollout has come, as one record.
//!
//! [`Progress`] is the same on every proxy. Besides it there is what is this proxy's own: whether it has heard the
//! history, whether it has vetoed, and what was told last.

use std::time::Duration;

use super::{MOST_INSTANTS, OnFail, Phase, Piece, Progress, Reading, Rollout, State, Verdict};

/// How far a rollout has come on this proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Whether it was there from the beginning, or has heard the whole history since.
    has_begun: bool,
    /// By its veto the candidate has at most so much here.
    most: Option<u8>,
    /// The phase and the step that were told last.
    told: [u8; 2],
    /// The candidate's share then.
    percent: Option<u8>,
    progress: Progress,
}

/// In the place of a share, of a hundred, that there is not.
const NONE: u8 = u8::MAX;

/// A verdict that has come, and by which signals it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is a failure: gates' names, or the user's own question.
    pub failed: Vec<&'static str>,
}

impl Published {
    /// Goes on with a record. What cannot be read is nothing known.
    pub fn read(bytes: Option<&[u8]>, rollout: &Rollout) -> Self {
        let ([has_begun, most, phase, step, percent], record) =
            match bytes.and_then(|bytes| bytes.split_first_chunk()) {
                Some((head, record)) => (*head, Some(record)),
                None => ([0, NONE, 0, 0, NONE], None),
            };
        let [most, percent] = [most, percent].map(|share| (share <= 100).then_some(share));
        let progress = Progress::read(rollout, record);
        // By another schedule the same verdicts may come to something else: they have to be heard again.
        let is_the_same = progress.is_over() || record.is_some_and(|r| progress.write() == r);
        let has_begun = has_begun == 1 && is_the_same;
        Self { has_begun, most, told: [phase, step], percent, progress }
    }

    /// The record of it.
    pub fn write(&self) -> Vec<u8> {
        let [phase, step] = self.told;
        let [most, percent] = [self.most, self.percent].map(|share| share.unwrap_or(NONE));
        let mut bytes = vec![u8::from(self.has_begun), most, phase, step, percent];
        bytes.extend(self.progress.write());
        bytes
    }

    /// What the verdicts so far have come to.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether it was there from the beginning, or has heard the whole history since.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether this proxy has vetoed.
    pub fn is_vetoed(&self) -> bool {
        self.most.is_some()
    }

    /// Where it is. A proxy that starts in the middle of a rollout waits with the weights of the configuration until
    /// it has heard the history: it may have been rolled back long ago. It keeps them if there is none any more.
    /// One whose schedule has changed stays where it was until then, so that nobody moves there and back.
    pub fn state(&self, rollout: &Rollout, wall: Duration) -> State {
        let mut state = self.progress.state(rollout, wall);
        if !self.has_begun && state.percent.is_some() {
            let next = Some(rollout.instant(rollout.due(wall)));
            let [phase, step] = self.told.map(|number| usize::from(number).checked_sub(1));
            let told = (phase.and_then(|phase| Phase::ALL.get(phase)), step, self.percent);
            let (phase, step, percent) = match told {
                (Some(phase), Some(step), Some(percent)) => (*phase, step, Some(percent.into())),
                _ => (Phase::Waiting, state.step, None),
            };
            state = State { phase, step, percent, next, ..state };
        }
        let (Some(most), Some(percent)) = (self.most, state.percent) else { return state };
        let percent = Some(percent.min(u32::from(most)));
        let phase = match rollout.on_fail() {
            OnFail::Rollback => Phase::RolledBack,
            OnFail::Hold => Phase::Held,
        };
        State { phase, percent, next: None, ..state }
    }

    /// Notes what is told of it; false if that has been told before.
    pub fn tells(&mut self, state: &State) -> bool {
        let phase = Phase::ALL.iter().position(|phase| *phase == state.phase);
        // 0 is nothing.
        let number = |place: usize| u8::try_from(place.saturating_add(1)).unwrap_or(u8::MAX);
        let told = [number(phase.unwrap_or(0)), number(state.step)];
        self.percent = state.percent.and_then(|percent| u8::try_from(percent).ok());
        std::mem::replace(&mut self.told, told) != told
    }

    /// The time goes on. Who asks nobody, or sees the first interval, has begun with the rollout.
    pub fn begins(&mut self, rollout: &Rollout, wall: Duration) {
        let is_first = wall >= rollout.start() && rollout.due(wall) == 0;
        self.has_begun |= is_first || rollout.prometheus().is_none();
    }

    /// What this proxy has seen itself is enough: here the candidate gets no more than it has.
    pub fn veto(&mut self, rollout: &Rollout, wall: Duration) {
        let state = self.state(rollout, wall);
        if state.phase != Phase::Running || self.most.is_some() {
            return;
        }
        let most = match rollout.on_fail() {
            OnFail::Rollback => 0,
            OnFail::Hold => state.percent.unwrap_or(0),
        };
        self.most = Some(u8::try_from(most).unwrap_or(100));
    }

    /// What this proxy has seen itself is the verdict.
    pub fn local(&mut self, rollout: &Rollout, wall: Duration, verdict: Verdict) {
        self.progress.local(rollout, wall, verdict);
    }

    /// What Prometheus has said to a question about these instants, when so many were due. `is_own`: it was the
    /// user's.
    pub fn answers<'a>(
        &mut self,
        rollout: &Rollout,
        answers: impl Iterator<Item = (u32, Vec<Reading<'a>>)>,
        (piece, due): (Piece, u32),
        is_own: bool,
    ) -> Vec<Judgement> {
        let known = self.progress.known();
        let new = answers.filter(|(number, _)| *number > known);
        let judge = |(number, readings): (u32, Vec<Reading<'a>>)| {
            let verdict = if is_own {
                let verdict = Verdict::of_values(readings.iter().map(|reading| reading.value));
                self.progress.verdict(rollout, number, verdict);
                verdict
            } else {
                self.progress.readings(rollout, number, &readings)
            };
            let fails = |signal: &str| readings.iter().any(|r| r.signal == signal && r.value < 0.0);
            // What others call their series is not for logs.
            let failed = match (verdict, is_own) {
                (Verdict::Fail, true) => vec!["the query"],
                (Verdict::Fail, false) => rollout.signals().filter(|s| fails(s)).collect(),
                _ => Vec::new(),
            };
            Judgement { verdict, failed }
        };
        let judgements = new.map(judge).collect();
        let is_gone = self.progress.known() == 0 && due >= MOST_INSTANTS;
        self.has_begun |= piece.last >= due && !is_gone;
        judgements
    }
}
