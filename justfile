# The menu. Each line is a command you can also type by hand.

# List the recipes
default:
    @just --list

# Build and start the server on its embedded store
serve *ARGUMENTS:
    cargo run --release --locked -- serve {{ARGUMENTS}}

# Install what the tests need and pass all of them
test *ARGUMENTS:
    scripts/test {{ARGUMENTS}}

# Fuzz each target for so many seconds
fuzz SECONDS="60":
    scripts/fuzz {{SECONDS}}

# Let a generator of requests hold the server against its description
check-api SECONDS="60":
    scripts/check-api {{SECONDS}}

# Live through COUNT simulated worlds of random seeds, or through that of ROSTERD_SEED
simulate COUNT="1000":
    ROSTERD_SEEDS={{COUNT}} cargo test --locked --package rosterd --bin rosterd simulation::tests::any_seeds -- --ignored --nocapture

# Show that every defect on purpose is caught, or these; --quick for a few
sabotage *ARGUMENTS:
    scripts/sabotage {{ARGUMENTS}}

# Hold the instructions that plan and faces take against those accepted; --accept accepts
instructions *ARGUMENTS:
    scripts/instructions {{ARGUMENTS}}

# Everything that CI checks
ci:
    .ci/run

# Format, then lint
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Write the generated reference
generate:
    scripts/generate

# How planning grows with the batch and with the tenant
bench-plan:
    cargo run --release --locked --package rosterd-bench

# What ten times the load that it can carry does to a release build
overload SECONDS="60":
    cargo build --release --locked --package rosterd --package rosterd-bench
    ${CARGO_TARGET_DIR:-target}/release/load overload {{SECONDS}}

# What two thousand slow clients do to a good one
slowloris SECONDS="30":
    cargo build --release --locked --package rosterd --package rosterd-bench
    ${CARGO_TARGET_DIR:-target}/release/load slowloris {{SECONDS}}

# What rosterd makes of its engines, against bare programs in the same run: docs/reference/performance.md
bench *ARGUMENTS:
    cargo build --release --locked --package rosterd --package rosterd-bench
    ${CARGO_TARGET_DIR:-target}/release/bench {{ARGUMENTS}}

# The part of it on PostgreSQL
bench-postgres *ARGUMENTS: (bench "--engine" "postgres" ARGUMENTS)

# What a search costs at 10⁶ groups, and what its index costs a first load
bench-search *GROUPS:
    cargo run --release --locked --package rosterd-bench --bin search {{GROUPS}}

# Hold promises about batches, limits and answers to what a release has to show, or these: docs/guide/promises.md
promises *ARGUMENTS:
    scripts/promises {{ARGUMENTS}}

# What faults under load do to a server: a short round of each, with a dev build (as root: all of them)
rigs *ARGUMENTS:
    scripts/rigs {{ARGUMENTS}}

# The same before a release, with a release build: 1000 kills, 1000 power cuts and so on. Goes on where it was
rigs-long *ARGUMENTS:
    scripts/rigs --long {{ARGUMENTS}}
