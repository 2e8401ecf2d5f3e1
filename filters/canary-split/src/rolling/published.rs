//! What all workers know of how far a rollout has come, as one record.

use std::time::Duration;

use traffic_policy::rollout::{
    MOST_INSTANTS, OnFail, Phase, Piece, Progress, Reading, Rollout, State, Verdict,
};

use super::answer::Answers;

/// How far a rollout has come on this proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Published {
    /// Whether it was there from the beginning, or has heard the whole history since.
    has_begun: bool,
    /// By its veto the candidate has at most so much here.
    most: Option<u8>,
    /// The phase and the step that were told last.
    told: [u8; 2],
    progress: Progress,
}

/// A verdict that has come, and by which signals it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) failed: Vec<String>,
}

impl Published {
    pub(super) fn read(bytes: Option<&[u8]>, rollout: &Rollout) -> Self {
        let ([has_begun, is_vetoed, most, phase, step], progress) =
            match bytes.and_then(|bytes| bytes.split_first_chunk()) {
                Some((head, progress)) => (*head, Some(progress)),
                None => ([0; 5], None),
            };
        let (has_begun, most) = (has_begun == 1, (is_vetoed == 1).then_some(most));
        let progress = Progress::read(rollout, progress);
        Self { has_begun, most, told: [phase, step], progress }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let [phase, step] = self.told;
        let [has_begun, is_vetoed] = [self.has_begun, self.is_vetoed()].map(u8::from);
        let mut bytes = vec![has_begun, is_vetoed, self.most.unwrap_or(0), phase, step];
        bytes.extend(self.progress.write());
        bytes
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether this proxy has vetoed.
    pub(super) fn is_vetoed(&self) -> bool {
        self.most.is_some()
    }

    /// Where it is. A proxy that starts in the middle of a rollout waits with the weights of the configuration until
    /// it has heard the history: it may have been rolled back long ago. It keeps them if there is none any more.
    pub(super) fn state(&self, rollout: &Rollout, wall: Duration) -> State {
        let state = self.progress.state(rollout, wall);
        if !self.has_begun && state.percent.is_some() {
            let next = Some(rollout.instant(rollout.due(wall)));
            return State { phase: Phase::Waiting, percent: None, next, ..state };
        }
        let Some(most) = self.most else { return state };
        let percent = state.percent.map(|percent| percent.min(u32::from(most)));
        let phase = match rollout.on_fail() {
            OnFail::Rollback => Phase::RolledBack,
            OnFail::Hold => Phase::Held,
        };
        State { phase, percent, next: None, ..state }
    }

    /// Notes what is told of it; false if that has been told before.
    pub(super) fn tells(&mut self, state: &State) -> bool {
        let phase = Phase::ALL.iter().position(|phase| *phase == state.phase);
        // 0 is nothing.
        let number = |place: usize| u8::try_from(place.saturating_add(1)).unwrap_or(u8::MAX);
        let told = [number(phase.unwrap_or(0)), number(state.step)];
        std::mem::replace(&mut self.told, told) != told
    }

    /// The time goes on. Who asks nobody, or sees the first interval, has begun with the rollout.
    pub(super) fn begins(&mut self, rollout: &Rollout, wall: Duration) {
        let is_first = wall >= rollout.instant(0) && rollout.due(wall) == 0;
        self.has_begun |= is_first || rollout.prometheus().is_none();
    }

    /// What this proxy has seen itself is enough: here the candidate gets no more than it has.
    pub(super) fn veto(&mut self, rollout: &Rollout, wall: Duration) {
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
    pub(super) fn local(&mut self, rollout: &Rollout, wall: Duration, verdict: Verdict) {
        self.progress.local(rollout, wall, verdict);
    }

    /// What Prometheus has said to a question about these instants, when so many were due. `is_own`: it was the
    /// user's.
    pub(super) fn answers(
        &mut self,
        rollout: &Rollout,
        answers: &Answers,
        (piece, due): (Piece, u32),
        is_own: bool,
    ) -> Vec<Judgement> {
        let known = self.progress.known();
        let new = answers.instants().filter(|(number, _)| *number > known);
        let judge = |(number, readings): (u32, Vec<Reading<'_>>)| {
            let verdict = if is_own {
                let verdict = Verdict::of_values(readings.iter().map(|reading| reading.value));
                self.progress.verdict(rollout, number, verdict);
                verdict
            } else {
                self.progress.readings(rollout, number, &readings)
            };
            let failed = readings.iter().filter(|reading| reading.value < 0.0);
            Judgement { verdict, failed: failed.map(|r| r.signal.to_owned()).collect() }
        };
        let judgements = new.map(judge).collect();
        let is_gone = self.progress.known() == 0 && due >= MOST_INSTANTS;
        self.has_begun |= piece.last >= due && !is_gone;
        judgements
    }
}
