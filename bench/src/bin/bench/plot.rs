//! The results as a picture: records a second on a logarithmic scale, with what bare programs reach.

use std::fmt::Write as _;

use crate::options::Engine;
use crate::render::thousands;
use crate::requests::{Face, Phase};
use crate::results::{BARE, Results, Row, TWO_SERVERS};

const WIDTH: u32 = 860;
const LEFT: u32 = 225;
const BAR: u32 = 16;
/// Powers of ten at both ends of the scale.
const SCALE: [f64; 2] = [4.0, 7.0];
const PHASES: [Phase; 5] = [Phase::First, Phase::Unchanged, Phase::Changed, Phase::Moves, Phase::Mixed];
const COLOURS: [&str; 3] = ["#9ecae1", "#4292c6", "#08519c"];

/// The same results make the same picture.
pub(crate) fn plot(results: &Results) -> String {
    let mut body = String::new();
    let mut top = 50;
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Unknown] {
        let rows: Vec<&Row> = results.rows.iter().filter(|row| is_shown(row, engine)).collect();
        if rows.is_empty() {
            continue;
        }
        text(
            &mut body,
            12,
            top,
            "font-weight=\"bold\"",
            &format!("{}, /v3/groups, empty tenant", engine.name()),
        );
        top += 12;
        let from = top;
        for phase in PHASES {
            top = bars(&mut body, &rows, phase, top);
        }
        scale(&mut body, from, top);
        top += 50;
    }
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" viewBox=\"0 0 {WIDTH} {top}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let title = format!(
        "Records a second over HTTP, 1000 a request (logarithmic; commit {}); red: the bare program that is the limit",
        results.commit
    );
    text(&mut picture, 12, 22, "font-size=\"13\"", &title);
    picture + &body + "</svg>\n"
}

fn is_shown(row: &Row, engine: Engine) -> bool {
    let place = &row.place;
    place.engine == engine
        && ![BARE, TWO_SERVERS].contains(&place.program.as_str())
        && place.stored == 0
        && place.batch == 1000
        && place.face == Some(Face::Groups)
}

/// The bars of a phase, one for each number of connections; where the next begin.
fn bars(body: &mut String, rows: &[&Row], phase: Phase, top: u32) -> u32 {
    let mut top = top + 6;
    for (place, row) in rows.iter().filter(|row| row.place.phase == phase).enumerate() {
        let label = format!("{}, {} connections", phase.name(), row.place.connections);
        text(body, LEFT - 8, top + 12, "text-anchor=\"end\"", &label);
        let (end, colour) = (position(row.rate), COLOURS[place.min(2)]);
        let _ = writeln!(
            body,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"/>",
            end.saturating_sub(LEFT),
            BAR - 3
        );
        if let Some(ratio) = row.of_limit.filter(|ratio| *ratio > 0.0) {
            let at = position(row.rate / ratio);
            let _ = writeln!(
                body,
                "<path d=\"M{at} {} V{}\" stroke=\"#cb181d\" stroke-width=\"3\"/>",
                top - 1,
                top + BAR - 2
            );
        }
        let ratio = row.of_limit.map_or(String::new(), |ratio| format!(" ({ratio:.2} of the limit)"));
        let mark = if row.is_driver_bound() { " ⚠ driver" } else { "" };
        let said = format!("{}{ratio}{mark}", thousands(row.rate));
        let beside = row.of_limit.map_or(end, |ratio| end.max(position(row.rate / ratio.max(0.01))));
        text(body, beside + 6, top + 12, "", &said);
        top += BAR;
    }
    top
}

fn scale(body: &mut String, from: u32, to: u32) {
    for power in 4..=7_u32 {
        let at = position(10_f64.powi(power.cast_signed()));
        let _ = writeln!(body, "<path d=\"M{at} {from} V{to}\" stroke=\"#bbb\" stroke-dasharray=\"2 3\"/>");
        text(
            body,
            at,
            to + 14,
            "text-anchor=\"middle\" fill=\"#666\"",
            &thousands(10_f64.powi(power.cast_signed())),
        );
    }
}

fn position(rate: f64) -> u32 {
    let [low, high] = SCALE;
    let part = ((rate.max(1.0).log10() - low) / (high - low)).clamp(0.0, 1.0);
    let width = f64::from(WIDTH - LEFT - 170);
    let at = format!("{:.0}", part * width).parse().unwrap_or(0_u32);
    LEFT + at
}

fn text(body: &mut String, left: u32, top: u32, how: &str, said: &str) {
    let said = said.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{left}\" y=\"{top}\" {how}>{said}</text>");
}
