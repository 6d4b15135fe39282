//! The HTTP side: a handler is read → service → write.

mod addresses;
pub(crate) mod admission;
mod answer;
mod attributes;
mod body;
mod capabilities;
mod changes;
pub(crate) mod connection;
mod credentials;
mod deadlines;
mod define;
mod followers;
mod following;
mod gate;
mod groups;
mod head;
mod memory;
mod oauth;
mod packing;
pub(crate) mod places;
pub(crate) mod rates;
mod runs;
pub(crate) mod sockets;
mod stall;
mod subject;
mod system;
pub(crate) mod tls;
mod turned_away;
mod unread;
mod usergroups;
mod visit;
mod wording;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use utoipa_swagger_ui::SwaggerUi;

use crate::service::Service;
use admission::{Door, KeyDesk, READS, WRITES};
use answer::Refused;
pub(crate) use capabilities::Settings;
use faces::groups::Refusal;
use followers::Followers;
use memory::Memory;
use rates::Rates;
use turned_away::TurnedAway;

/// What every handler can reach.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) draining: AtomicBool,
    writes: Arc<Door>,
    reads: Arc<Door>,
    keys: KeyDesk,
    turned_away: TurnedAway,
    memory: Arc<Memory>,
    rates: Rates,
    followers: Arc<Followers>,
    openapi: Bytes,
    capabilities: Bytes,
}

impl App {
    pub(crate) fn new(
        service: Arc<Service>,
        metrics: PrometheusHandle,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let rates = Rates::new(settings.rates, lessor(&service));
        Ok(Self {
            service,
            metrics,
            draining: AtomicBool::new(false),
            writes: Door::new(WRITES),
            reads: Door::new(READS),
            keys: KeyDesk::new(),
            turned_away: TurnedAway::default(),
            memory: Memory::new(),
            rates,
            followers: Followers::new(),
            openapi: described()?,
            capabilities: serde_json::to_vec(&capabilities::capabilities(settings))?.into(),
        })
    }

    /// From now on requests are refused, and streams end: they would hold up the end for ever.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.followers.over.cancel();
    }
}

/// Where blocks of limits come from, if other servers let through what belongs to the same ones.
fn lessor(service: &Arc<Service>) -> Option<rates::Lessor> {
    let service = Arc::clone(service);
    service.is_shared().then(|| -> rates::Lessor { Box::new(move |claim| service.lease(claim)) })
}

/// The OpenAPI document of this server.
pub(crate) fn openapi() -> serde_json::Value {
    faces::openapi(env!("CARGO_PKG_VERSION"))
}

/// The same as it is sent, made once.
fn described() -> anyhow::Result<Bytes> {
    static MADE: OnceLock<Bytes> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made.clone());
    }
    let made = serde_json::to_vec(&openapi())?.into();
    Ok(MADE.get_or_init(|| made).clone())
}

/// Every route of the server.
pub(crate) fn router(app: Arc<App>) -> Router {
    // The pages would ask a validator on the internet what it thinks of the document.
    let pages = utoipa_swagger_ui::Config::new(["/openapi.json"]).validator_url("none");
    let docs = SwaggerUi::new("/docs").config(pages);
    Router::new()
        .route("/v3/groups", get(groups::list).post(groups::upsert))
        .route("/v3/groups/batch-upsert", post(groups::batch_upsert))
        .route("/v3/groups/batch-archive", post(groups::batch_archive))
        .route("/v3/groups/batch-restore", post(groups::batch_restore))
        .route("/v3/groups/changes", get(changes::page))
        .route("/v3/groups/changes/stream", get(changes::stream))
        .merge(one_group("/v3/groups/{id}"))
        .merge(one_group("/v3/groups/by-reference-id/{externalReferenceId}"))
        .merge(usergroups::routes(""))
        .merge(usergroups::routes("/v2"))
        .merge(attributes::routes(""))
        .merge(attributes::routes("/v2"))
        .route("/errors/{code}", get(system::error_page))
        .route("/v3/runs", get(runs::list))
        .route("/v3/runs/{id}", get(runs::one))
        .route("/oauth2/token", post(oauth::token))
        .route("/v2/oauth2/token", post(oauth::token))
        .route("/healthz", get(system::healthz))
        .route("/readyz", get(system::readyz))
        .route("/version", get(system::version))
        .route("/capabilities", get(system::capabilities))
        .route("/metrics", get(system::metrics))
        .route("/openapi.json", get(system::openapi))
        .merge(docs)
        .method_not_allowed_fallback(async || Refused::from(Refusal::MethodNotAllowed))
        .fallback(async || Refused::from(Refusal::NotFound))
        .layer(from_fn_with_state(Arc::clone(&app), memory::count_answer))
        .layer(map_response(packing::remember))
        .layer(packing::layer())
        .layer(from_fn_with_state(Arc::clone(&app), gate::gate))
        .with_state(app)
}

/// The routes of one group, which is named by this path.
fn one_group(path: &str) -> Router<Arc<App>> {
    Router::new()
        .route(path, get(groups::one).patch(groups::update).delete(groups::archive))
        .route(&format!("{path}/restore"), post(groups::restore))
        .route(&format!("{path}/children"), get(groups::children))
        .route(&format!("{path}/ancestors"), get(groups::ancestors))
        .route(&format!("{path}/tree"), get(groups::tree))
}
