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

# What a search costs at 10⁶ groups, and what its index costs a first load
bench-search *GROUPS:
    cargo run --release --locked --package rosterd-bench --bin search {{GROUPS}}
