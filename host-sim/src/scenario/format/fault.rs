//! `faults` and `silence`.

use crate::abi::Export;
use crate::model::lint::Lint;
use crate::scenario::fault::{Event, GuestFault, TimedEvent};
use crate::vm::sabotage::Sabotage;
use crate::yaml::{Error, Object, Reader};

use super::bounds::Bounds;
use super::optional;

/// What the faults of a scenario are, by the time at which they can be made.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) events: Vec<TimedEvent>,
    pub(super) guests: Vec<GuestFault>,
}

/// Reads `faults`; `main` is the plugin that is meant when none is named.
pub(super) fn read(
    top: &mut Object<'_>,
    main: &str,
    sim_only: bool,
    bounds: &Bounds,
) -> Result<Faults, Error> {
    let mut faults = Faults::default();
    for item in top.items("faults")? {
        let mut object = item.object()?;
        let kinds = ["trap", "allocation_failure", "clock_jump", "worker_loss"];
        let (kind, fault) = object.exactly_one_of(&kinds)?;
        match kind {
            "trap" | "allocation_failure" => faults.guests.push(guest(kind, &fault, main)?),
            _ if !sim_only => {
                return Err(fault.invalid(
                    &format!("`{kind}`, which no Envoy can be made to do"),
                    "it with `hosts: sim`",
                    "say `hosts: sim` and `because:`",
                ));
            }
            _ => {
                let at = optional(&mut object, "at", |r| bounds.time(r))?.unwrap_or_default();
                let event = match kind {
                    "clock_jump" => Event::ClockJump(jump(&fault)?),
                    _ => Event::WorkerLoss(fault.integer()?),
                };
                faults.events.push(TimedEvent { at, event });
            }
        }
        object.finish()?;
    }
    Ok(faults)
}

fn guest(kind: &str, reader: &Reader<'_>, main: &str) -> Result<GuestFault, Error> {
    let mut object = reader.object()?;
    let plugin = optional(&mut object, "plugin", |r| r.string().map(str::to_owned))?;
    let call = optional(&mut object, "call", one_or_more)?.unwrap_or(1);
    let sabotage = if kind == "trap" {
        let callbacks: Vec<(&str, Export)> =
            Export::ALL.iter().map(|export| (export.name(), *export)).collect();
        Sabotage::Trap { callback: object.required("callback")?.choice(&callbacks)?, call }
    } else {
        let times = optional(&mut object, "times", one_or_more)?.unwrap_or(1);
        Sabotage::AllocationFailure { call, times }
    };
    object.finish()?;
    Ok(GuestFault { plugin: plugin.unwrap_or_else(|| main.to_owned()), sabotage })
}

fn one_or_more(reader: &Reader<'_>) -> Result<u32, Error> {
    match reader.integer()? {
        0 => Err(reader.expected("a whole number from 1 on")),
        number => Ok(number),
    }
}

fn jump(reader: &Reader<'_>) -> Result<i64, Error> {
    let mut object = reader.object()?;
    let (direction, by) = object.exactly_one_of(&["forward", "back"])?;
    object.finish()?;
    let nanos = i64::try_from(by.duration()?.as_nanos())
        .map_err(|_| by.expected("a duration of less than 292 years"))?;
    Ok(if direction == "back" { -nanos } else { nanos })
}

/// Reads `silence`: names of lints, each with the reason.
pub(super) fn silence(top: &mut Object<'_>) -> Result<Vec<(Lint, String)>, Error> {
    let Some(reader) = top.optional("silence") else { return Ok(Vec::new()) };
    let mut silenced = Vec::new();
    for (name, reason) in reader.entries()? {
        let lint = Lint::ALL.iter().find(|lint| lint.name() == name).copied().ok_or_else(|| {
            let allowed = Lint::ALL.map(Lint::name).join(", ");
            reason.invalid(&format!("a lint `{name}`"), &allowed, "correct the name")
        })?;
        silenced.push((lint, reason.name()?.to_owned()));
    }
    Ok(silenced)
}
