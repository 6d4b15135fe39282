//! The database is killed, or its connections are; two servers share it.

use std::time::Instant;

use anyhow::bail;
use rig::Random;
use rig::load::Until;
use rig::workload::Shape;
use store::cluster::{Cluster, Settings, available};

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::{Beside, Place};

const DATABASE: &str = "directory";

/// F-12: the whole server, one of its backends, or all connections at once.
pub(crate) fn kills(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    if !available() {
        report.skipped = Some("PostgreSQL is not installed".to_owned());
        return Ok(());
    }
    let cluster = Cluster::start_with(&Settings::durable());
    let mut stage = Stage::new(setting)?;
    // A batch that was not answered may be done after the next one was: keys tell which is which.
    stage.shape = Shape { keyed: 10, ..Shape::WIDE };
    let mut databases = 0;
    for round in 0..setting.rounds {
        if stage.scene.is_none() {
            databases += 1;
            let name = format!("{DATABASE}{databases}");
            cluster.create_database(&name);
            let url = cluster.url(&name);
            stage.adjust = Box::new(move |start| {
                (start.place, start.servers) = (Place::Database(url.clone()), 2);
            });
        }
        let database = format!("{DATABASE}{databases}");
        let (scene, random) = stage.open()?;
        let (history, ()) = scene.under_load(Until::Over, |beside| {
            beside.any_moment(random)?;
            strike(round, &cluster, &database, random);
            let begun = Instant::now();
            beside.go_on(1)?;
            report.took("fault to first acknowledgement", begun.elapsed());
            beside.go_on(40)?;
            wait_until_ready(beside)
        })?;
        stage.settle(&history, report);
    }
    Ok(())
}

/// Mostly the whole server.
fn strike(round: usize, cluster: &Cluster, database: &str, random: &mut Random) {
    match round % 3 {
        0 => {
            cluster.kill9();
            cluster.restart();
        }
        1 => {
            let backends = cluster.backends(Some(database));
            if !backends.is_empty() {
                cluster.kill_backend(random.one_of(&backends));
            }
        }
        _ => drop(cluster.terminate_backends(database)),
    }
}

fn wait_until_ready(beside: &Beside<'_>) -> anyhow::Result<()> {
    for server in beside.servers.iter() {
        let (start, mut connection) = (Instant::now(), rig::Connection::new(server.address, beside.key));
        while connection.get("/readyz").map_or(0, |reply| reply.status) != 200 {
            if start.elapsed() > crate::server::PATIENCE {
                bail!("a server does not become ready:\n{}", server.log());
            }
            std::thread::sleep(crate::server::LOOK_AGAIN);
        }
    }
    Ok(())
}
