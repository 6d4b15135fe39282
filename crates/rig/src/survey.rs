//! What a server shows when nothing moves any more.

use std::collections::HashSet;
use std::io;

use serde::Deserialize;
use serde_json::Value;

use crate::connection::Connection;
use crate::history::{Found, Run, Shown};
use crate::workload::definitions;

/// How far back the list of runs is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// As far as there are runs that were not seen: they come newest first.
    News,
    /// To the beginning: the clock was turned, so newer ones may come later.
    Beginning,
}

/// Looks at everything, again and again.
#[derive(Debug, Default)]
pub struct Survey {
    seen: HashSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunPage {
    runs: Vec<Run>,
    next_cursor: Option<String>,
}

impl Survey {
    /// Everything that the checker wants to know.
    pub fn look(&mut self, connection: &mut Connection, back: Back) -> io::Result<Found> {
        let groups = groups(connection)?;
        let mut shown = Vec::new();
        for read in Found::questions(&groups) {
            let reply = connection.get(&read.target())?;
            let answer = Shown::of(&read, reply.status, &reply.body);
            shown.push((read, answer));
        }
        Ok(Found { runs: self.runs(connection, back)?, groups, shown })
    }

    fn runs(&mut self, connection: &mut Connection, back: Back) -> io::Result<Vec<Run>> {
        let (mut runs, mut cursor) = (Vec::new(), String::new());
        loop {
            let reply = ok(connection, &format!("/v3/runs?limit=100{cursor}"))?;
            let page: RunPage = serde_json::from_str(&reply)?;
            let news: Vec<Run> = page.runs.into_iter().filter(|run| !self.seen.contains(&run.id)).collect();
            let is_known = news.is_empty() && back == Back::News;
            self.seen.extend(news.iter().map(|run| run.id.clone()));
            runs.extend(news);
            match page.next_cursor.filter(|_| !is_known) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(runs),
            }
        }
    }
}

fn groups(connection: &mut Connection) -> io::Result<Vec<Value>> {
    let (mut groups, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = ok(connection, &format!("/v3/groups?limit=1000&archived=any{cursor}"))?;
        let mut page: Value = serde_json::from_str(&reply)?;
        if let Some(found) = page["groups"].as_array_mut() {
            groups.append(found);
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(groups),
        }
    }
}

/// Makes the attributes of the workload, which the checker takes to be there.
pub fn define(connection: &mut Connection) -> io::Result<()> {
    for body in definitions() {
        let reply = connection.send("POST", "/attributes", None, Some(&body))?;
        if reply.status != 201 {
            return Err(io::Error::other(format!("an attribute: {} {}", reply.status, reply.body)));
        }
    }
    Ok(())
}

fn ok(connection: &mut Connection, target: &str) -> io::Result<String> {
    let reply = connection.get(target)?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    Err(io::Error::other(format!("{target}: {} {}", reply.status, reply.body)))
}
