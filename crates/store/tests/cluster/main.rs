//! The test bed does what it says: what is killed is dead, what is cut is cut, what is durable is there.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use store::cluster::{
    Cluster, Moment, PgBouncer, Proxy, Replication, Session, Settings, available, bouncer_available, database,
};

/// A server with a database and a table of one row.
fn with_table(settings: &Settings) -> Option<Cluster> {
    let cluster = available().then(|| Cluster::start_with(settings))?;
    cluster.create_database("things");
    let made =
        cluster.execute("things", "CREATE TABLE thing (name text); INSERT INTO thing VALUES ('first')");
    made.unwrap();
    Some(cluster)
}

/// The names that are stored.
fn names(url: &str) -> String {
    let names = "SELECT string_agg(name, ' ' ORDER BY name) FROM thing";
    Session::open(url).unwrap().value(names).unwrap()
}

/// A transaction that writes one name.
fn write(session: &Session, name: &str) -> Result<(), String> {
    let insert = format!("INSERT INTO thing VALUES ('{name}')");
    for sql in ["BEGIN", &insert, "COMMIT"] {
        session.execute(sql).map_err(|error| format!("{sql}: {error}"))?;
    }
    Ok(())
}

#[test]
fn a_database_is_empty_and_its_own() {
    let (Some(one), Some(other)) = (database(), database()) else { return };
    assert_ne!(one.url(), other.url());
    one.session().execute("CREATE TABLE thing (name text)").unwrap();
    let tables = "SELECT count(*) FROM pg_class WHERE relname = 'thing'";
    assert_eq!(one.session().value(tables).unwrap(), "1");
    assert_eq!(other.session().value(tables).unwrap(), "0");
    let url = one.url().to_owned();
    drop(one);
    assert!(Session::open(&url).is_err(), "it is still there");
}

#[test]
fn the_owner_of_a_database_is_no_superuser() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let session = Session::open(&cluster.url("things")).unwrap();
    assert_eq!(session.value("SHOW is_superuser").unwrap(), "off");
    assert_eq!(cluster.admin().value("SHOW is_superuser").unwrap(), "on");
    assert_eq!(session.value("SHOW fsync").unwrap(), "off");
}

/// As on most servers: what must be in the order of code points has to say so.
#[test]
fn texts_are_sorted_as_people_do() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let sorted = "SELECT string_agg(name, '' ORDER BY name) FROM (VALUES ('a'), ('B'), ('c')) AS t (name)";
    assert_eq!(Session::open(&cluster.url("things")).unwrap().value(sorted).unwrap(), "aBc");
}

#[test]
fn copies_of_a_database_have_what_it_has() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    cluster.create_database_from("things", "copy");
    cluster.execute("copy", "INSERT INTO thing VALUES ('second')").unwrap();
    assert_eq!(names(&cluster.url("copy")), "first second");
    assert_eq!(names(&cluster.url("things")), "first");
}

#[test]
fn what_is_durable_survives() {
    let Some(cluster) = with_table(&Settings::durable()) else { return };
    let session = Session::open(&cluster.url("things")).unwrap();
    session.execute("BEGIN; INSERT INTO thing VALUES ('lost')").unwrap();
    cluster.kill9();
    assert!(session.execute("COMMIT").is_err());
    assert!(Session::open(&cluster.url("things")).is_err());
    cluster.restart();
    assert_eq!(names(&cluster.url("things")), "first");
    cluster.stop_immediately();
    cluster.restart();
    assert_eq!(names(&cluster.url("things")), "first");
    cluster.stop_cleanly();
    cluster.restart();
    assert_eq!(names(&cluster.url("things")), "first");
}

#[test]
fn one_killed_backend_throws_out_everybody() {
    let Some(cluster) = with_table(&Settings::durable()) else { return };
    let [one, other] = [(); 2].map(|()| Session::open(&cluster.url("things")).unwrap());
    let backend = one.value("SELECT pg_backend_pid()").unwrap().parse().unwrap();
    assert!(cluster.backends(Some("things")).contains(&backend));
    cluster.kill_backend(backend);
    assert!(one.execute("SELECT 1").is_err());
    // The server ends it as soon as it knows.
    while other.execute("SELECT 1").is_ok() {}
    let mut back = Session::open(&cluster.url("things"));
    while back.is_err() {
        back = Session::open(&cluster.url("things"));
    }
    assert_eq!(names(&cluster.url("things")), "first");
}

#[test]
fn terminated_backends_end_and_the_server_goes_on() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let session = Session::open(&cluster.url("things")).unwrap();
    let elsewhere = Session::open(&cluster.url("postgres")).unwrap();
    assert_eq!(cluster.terminate_backends("things"), 1);
    assert!(session.execute("SELECT 1").is_err());
    elsewhere.execute("SELECT 1").unwrap();
}

#[test]
fn a_frozen_server_answers_nobody_until_it_is_thawed() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let session = Session::open(&cluster.url("things")).unwrap();
    cluster.freeze();
    let patient = format!("{}?connect_timeout=1", cluster.url("things"));
    assert!(Session::open(&patient).is_err(), "it lets somebody in");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| session.value("SELECT 'answer'"));
        cluster.thaw();
        assert_eq!(asked.join().unwrap().unwrap(), "answer");
    });
}

#[test]
fn a_server_without_places_lets_nobody_in() {
    let few = Settings::fast().with("max_connections", "6").with("superuser_reserved_connections", "2");
    let Some(cluster) = with_table(&few.with("max_wal_senders", "0")) else { return };
    let mut sessions = Vec::new();
    let refusal = loop {
        match Session::open(&cluster.url("things")) {
            Ok(session) => sessions.push(session),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.code, "53300");
    assert_eq!(sessions.len(), 4);
    // The superuser still gets in.
    assert_eq!(cluster.terminate_backends("things"), 4);
}

#[test]
fn settings_change_while_the_server_runs() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    cluster.set("default_transaction_read_only", "on");
    let refusal = cluster.execute("things", "INSERT INTO thing VALUES ('no')").unwrap_err();
    assert_eq!(refusal.code, "25006");
    cluster.set("default_transaction_read_only", "off");
    cluster.execute("things", "INSERT INTO thing VALUES ('yes')").unwrap();
}

#[test]
fn a_standby_follows_and_takes_over() {
    let Some(primary) = with_table(&Settings::durable()) else { return };
    let standby = primary.standby(Replication::Synchronous);
    write(&Session::open(&primary.url("things")).unwrap(), "second").unwrap();
    primary.wait_until_followed();
    assert_eq!(names(&standby.url("things")), "first second");
    let refusal = standby.execute("things", "INSERT INTO thing VALUES ('no')").unwrap_err();
    assert_eq!(refusal.code, "25006");
    primary.kill9();
    standby.promote();
    // Whoever knows both finds the one that takes writes.
    let both = Cluster::url_of_all(&[&primary, &standby], "things") + "?target_session_attrs=read-write";
    write(&Session::open(&both).unwrap(), "third").unwrap();
    assert_eq!(names(&standby.url("things")), "first second third");
}

#[test]
fn a_commit_waits_for_the_synchronous_standby() {
    let Some(primary) = with_table(&Settings::fast()) else { return };
    let standby = primary.standby(Replication::Synchronous);
    standby.freeze();
    std::thread::scope(|scope| {
        let session = Session::open(&primary.url("things")).unwrap();
        let writing = scope.spawn(move || write(&session, "second"));
        // It is seen to wait before it is let go.
        let held_up = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let admin = primary.admin();
        while admin.value(held_up).unwrap() != "1" {
            assert!(!writing.is_finished(), "it did not wait");
        }
        standby.thaw();
        writing.join().unwrap().unwrap();
    });
}

#[test]
fn the_pooler_gives_each_transaction_any_connection() {
    if !bouncer_available() {
        return;
    }
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let bouncer = PgBouncer::in_front_of(&cluster);
    let sessions = [(); 8].map(|()| Session::open(&bouncer.url("things")).unwrap());
    for (number, session) in sessions.iter().enumerate() {
        write(session, &format!("b{number}")).unwrap();
    }
    assert_eq!(names(&bouncer.url("things")), "b0 b1 b2 b3 b4 b5 b6 b7 first");
    // They took turns on one connection.
    assert_eq!(cluster.backends(Some("things")).len(), 1);
}

#[test]
fn the_proxy_passes_everything() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    write(&Session::open(&proxy.url("things")).unwrap(), "second").unwrap();
    assert_eq!(names(&proxy.url("things")), "first second");
    assert_eq!((proxy.accepted(), proxy.commits()), (2, 1));
    let long = format!("SELECT repeat('x', {})", 3 << 20);
    assert_eq!(Session::open(&proxy.url("things")).unwrap().value(&long).unwrap().len(), 3 << 20);
}

#[test]
fn the_proxy_cuts_after_and_before_a_commit() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    for (moment, name, stored) in
        [(Moment::AfterCommit, "after", "after first"), (Moment::BeforeCommit, "before", "after first")]
    {
        proxy.cut_commits(moment, 1);
        let session = Session::open(&proxy.url("things")).unwrap();
        // A transaction that wrote nothing is none of those that are cut.
        session.execute("BEGIN").unwrap();
        session.execute("COMMIT").unwrap();
        assert_eq!(proxy.cuts_left(), 1);
        assert_eq!(write(&session, name).unwrap_err(), "COMMIT:  connection closed");
        proxy.wait_for_cuts();
        assert_eq!(names(&cluster.url("things")), stored);
    }
    write(&Session::open(&proxy.url("things")).unwrap(), "later").unwrap();
    assert_eq!(names(&proxy.url("things")), "after first later");
}

#[test]
fn the_proxy_holds_cuts_and_refuses() {
    let Some(cluster) = with_table(&Settings::fast()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let session = Session::open(&proxy.url("things")).unwrap();
    proxy.hold();
    let patient = format!("{}&connect_timeout=1", proxy.url("things"));
    assert!(Session::open(&patient).is_err(), "it passes");
    proxy.pass();
    session.execute("SELECT 1").unwrap();
    proxy.refuse();
    assert!(session.execute("SELECT 1").is_err());
    assert!(Session::open(&proxy.url("things")).is_err());
    proxy.pass();
    let session = Session::open(&proxy.url("things")).unwrap();
    proxy.cut_all();
    assert!(session.execute("SELECT 1").is_err());
    let other = Cluster::start();
    other.create_database("elsewhere");
    proxy.lead_to(&other);
    Session::open(&proxy.url("elsewhere")).unwrap();
}
