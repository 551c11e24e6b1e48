"""Settings of a process: one struct, which says of each what it is, what it may be and what it is by default."""

from typing import Annotated, Literal

import msgspec

from domain.policy import CompactionPolicy, Strategy
from services.settings_forms import HTTP, KEY, NATS, NETWORKS, ORIGINS, POSTGRES, UPSTREAM, Form
from services.settings_models import ModelSettings, UpstreamSettings

PREFIX = "VERBATIM_"
FILE = "verbatim.toml"

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message names it and what was expected."""


def described(text: str, *, secret: bool = False, form: Form | None = None) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra={"secret": secret, "form": form})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each field is a setting `VERBATIM_<NAME>`, or `<name>` in the file; the environment wins."""

    environment: Annotated[
        Literal["development", "production"],
        described("`production`: no process starts with default passwords, or on embedded servers"),
    ] = "development"
    database_url: Annotated[
        str, described("PostgreSQL for the services; empty: embedded", secret=True, form=POSTGRES)
    ] = ""
    migrate_database_url: Annotated[
        str,
        described(
            "the owner's login, for `verbatim migrate`; empty: database_url",
            secret=True,
            form=POSTGRES,
        ),
    ] = ""
    nats_url: Annotated[
        str, described("NATS with JetStream; empty: embedded", secret=True, form=NATS)
    ] = ""
    data_dir: Annotated[str, described("where `verbatim dev` keeps all data")] = ".verbatim"
    host: Annotated[str, described("address to listen on")] = "127.0.0.1"
    port: Annotated[Port, described("port to listen on")] = 8080
    publish_content: Annotated[
        bool,
        described("whether events on NATS carry what people wrote and named, not figures only"),
    ] = False
    stream_max_days: Annotated[Count, described("days that the stream on NATS keeps events")] = 30
    stream_max_megabytes: Annotated[
        Count, described("MiB that the stream on NATS may hold; the oldest go first")
    ] = 2_048
    stream_replicas: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=5)], described("NATS servers that hold each event")
    ] = 1
    metrics_port: Annotated[
        Port,
        described("port for the figures of projections, relay and compaction; 0: none"),
    ] = 0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], described("least level that is logged")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        described("`auto`: text on a terminal, else a JSON object a line"),
    ] = "auto"
    max_body_bytes: Annotated[Count, described("largest request body, in bytes")] = 1 << 20
    rate_limit_key: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=100_000_000)],
        described("requests a minute of one key, in each process; 0: no limit"),
    ] = 60_000
    rate_limit_workspace: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=100_000_000)],
        described("requests a minute of one workspace, in each process; 0: no limit"),
    ] = 120_000
    refused_keys: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=1_000_000)],
        described(
            "refused API keys a minute from one address, or with one prefix; past it 429; 0: no limit"
        ),
    ] = 60
    trusted_proxies: Annotated[
        str,
        described(
            "proxies whose X-Forwarded-For is believed: addresses or networks, separated by spaces",
            form=NETWORKS,
        ),
    ] = ""
    cors_origins: Annotated[
        str,
        described(
            "origins whose pages may call from a browser, separated by spaces; `*`: all",
            form=ORIGINS,
        ),
    ] = ""
    max_batch: Annotated[Count, described("most events in one commit")] = 512
    max_queue: Annotated[Count, described("most appends that wait for a commit; past it 503")] = (
        10_000
    )
    max_connections: Annotated[
        Count,
        described("most HTTP connections of a process; those past it are answered 503 and closed"),
    ] = 4_000
    overload_wait_seconds: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=60)],
        described(
            "work that may be waiting in a process that is full, in seconds; requests past it 503"
        ),
    ] = 0.02
    cached_conversations: Annotated[
        Count, described("conversation states that a command process keeps")
    ] = 10_000
    database_connections: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1_000)],
        described("connections for reads, a process"),
    ] = 4
    read_wait_seconds: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=60)],
        described("how long a read waits for writes acknowledged before it, in seconds"),
    ] = 2.0
    page_size: Annotated[Count, described("events that a projector takes at a time")] = 1_000
    tokenizer: Annotated[
        Literal["o200k_base", "cl100k_base"], described("counts tokens of new messages")
    ] = "o200k_base"
    compaction_strategy: Annotated[Strategy, described("default policy: strategy")] = "hybrid"
    compaction_trigger_tokens: Annotated[
        Count, described("default policy: tokens at which a conversation is compacted")
    ] = 16_000
    compaction_keep_recent: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=1_000_000)],
        described("default policy: newest messages that stay"),
    ] = 20
    compaction_target_tokens: Annotated[
        Count | None, described("default policy: tokens afterwards; unset: half")
    ] = None
    allow_private_models: Annotated[
        bool | None,
        described(
            "whether models' services may be on this machine and in private networks; unset: not in production"
        ),
    ] = None
    upstream_base_url: Annotated[
        str,
        described("chat completions: the models' service, with /v1; empty: none", form=UPSTREAM),
    ] = ""
    upstream_api_key: Annotated[
        str, described("chat completions: its key", secret=True, form=KEY)
    ] = ""
    upstream_connect_seconds: Annotated[
        Seconds, described("chat completions: patience for a connection, in seconds")
    ] = 10.0
    upstream_silence_seconds: Annotated[
        Seconds, described("chat completions: patience for an answer's next piece, in seconds")
    ] = 120.0
    upstream_total_seconds: Annotated[
        Seconds, described("chat completions: patience for a whole answer, in seconds")
    ] = 600.0
    upstreams: Annotated[
        dict[str, UpstreamSettings],
        described("further services by name: `base_url`, `api_key`", secret=True),
    ] = {}
    models: Annotated[
        dict[str, ModelSettings],
        described("models by the name asked for: upstream, name there, prices, sizes; empty: all"),
    ] = {}
    summarizer: Annotated[
        Literal["extracts", "openai"],
        described(
            "`extracts`: built in, without a model; `openai`: a model at summarizer_base_url"
        ),
    ] = "extracts"
    summarizer_base_url: Annotated[
        str, described("for `openai`: any OpenAI-compatible endpoint, with /v1", form=UPSTREAM)
    ] = ""
    summarizer_api_key: Annotated[
        str, described("the key for it; empty: none is sent", secret=True, form=KEY)
    ] = ""
    summarizer_model: Annotated[str, described("the model that summarises")] = "gpt-4o-mini"
    summarizer_timeout_seconds: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=600)], described("how long one answer may take")
    ] = 60.0
    summarizer_retries: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=10)], described("further tries after a failed one")
    ] = 2
    summarizer_chunk_tokens: Annotated[
        Annotated[int, msgspec.Meta(ge=500, le=1_000_000)],
        described("tokens that the model is given at a time"),
    ] = 12_000
    compaction_at_once: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1_000)],
        described("conversations that a worker compacts at a time"),
    ] = 4
    compaction_attempts: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=100)],
        described("how often a worker tries before it gives a conversation up"),
    ] = 5
    compaction_retry_seconds: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=600)],
        described("seconds before its second try; each later pause is four times as long"),
    ] = 5.0
    base_url: Annotated[
        str, described("for commands that speak HTTP: the service, with /v1", form=HTTP)
    ] = ""
    api_key: Annotated[
        str, described("for commands that speak HTTP: the key", secret=True, form=KEY)
    ] = ""
    config: Annotated[
        str, described(f"a TOML file with settings; `{FILE}` in this folder is read if it is there")
    ] = ""

    @property
    def private_models(self) -> bool:
        if self.allow_private_models is None:
            return self.environment != "production"
        return self.allow_private_models

    def policy(self) -> CompactionPolicy:
        return CompactionPolicy(
            self.compaction_strategy,
            self.compaction_trigger_tokens,
            self.compaction_keep_recent,
            self.compaction_target_tokens,
        )
