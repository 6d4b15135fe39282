//! Query strings.

use directory::Reach;

use super::fields::closest;
use super::limits;
use super::refusal::Refusal;

/// Whether a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is.
    #[default]
    Apply,
    /// It is not: the answer is what it would have been.
    DryRun,
}

/// The parameters of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteQuery {
    /// `dryRun=true` or `false`, the default.
    pub mode: Mode,
    /// `cascade=true` or `false`, the default; for what archives.
    pub reach: Reach,
}

impl WriteQuery {
    /// Reads the query. Unknown parameters are ignored, but for what looks like a misspelt `dryRun`:
    /// who asked for a rehearsal must not be written for.
    pub fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let (mut mode, mut reach) = (None, None);
        for (name, value) in parameters(query) {
            if name == DRY_RUN {
                let wanted = if truth(DRY_RUN, &value)? { Mode::DryRun } else { Mode::Apply };
                once(&mut mode, wanted, DRY_RUN)?;
            } else if name == CASCADE {
                let wanted = if truth(CASCADE, &value)? { Reach::Subtree } else { Reach::Itself };
                once(&mut reach, wanted, CASCADE)?;
            } else if resembles_dry_run(&name) {
                let shown = limits::shorten(&name, limits::MAX_ECHO);
                let detail = format!("{shown} is not a parameter of this call; did you mean dryRun?");
                return Err(Refusal::parameter(&shown, detail));
            }
        }
        Ok(Self { mode: mode.unwrap_or_default(), reach: reach.unwrap_or(Reach::Itself) })
    }
}

pub(super) const DRY_RUN: &str = "dryRun";
pub(super) const CASCADE: &str = "cascade";

fn truth(name: &str, value: &str) -> Result<bool, Refusal> {
    value.parse().map_err(|_| Refusal::parameter(name, format!("{name} must be true or false.")))
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::parameter(name, format!("{name} may be given only once."))),
    }
}

fn resembles_dry_run(name: &str) -> bool {
    let plain: String = name.chars().filter(|found| !" _-.".contains(*found)).collect();
    plain.eq_ignore_ascii_case("dry") || closest(&plain, [DRY_RUN].into_iter()).is_some()
}

/// The pairs of a query, decoded by the rules of HTML forms; a parameter without `=` has no value.
pub(crate) fn parameters(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let pieces = query.unwrap_or_default().split('&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decode(name), decode(value))
    })
}

/// A plus sign is a space, `%41` is `A`, a percent sign before anything else stands for itself.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        decoded.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after;
                hex(*high) << 4 | hex(*low)
            }
            (plain, _) => *plain,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
