"""What a configuration file may say: the shape of each block, and so its JSON Schema and its reference page.

Conditions and actions are tagged by `type` and checked by the class of their tag, so an error never names
the keys of another kind.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, Field, SecretStr

from waypost.config.prompts import WrittenPrompt
from waypost.config.settings import Timeouts
from waypost.configurable import adapter, configurable
from waypost.configurable import schema as schema_of
from waypost.encoder.settings import EncoderSettings
from waypost.guards.settings import AttackAction, AttackLevel, AttackMethod, PiiLevel
from waypost.mutations.headers import HeaderEdits
from waypost.mutations.parameters import RequestParameters
from waypost.mutations.reasoning import Effort, Lora, ReasoningFamily
from waypost.mutations.tools import ToolSettings
from waypost.observe.audit import AuditSettings
from waypost.providers.chain import MAX_CHAIN
from waypost.providers.provider import ProviderKind
from waypost.selection.capabilities import Capabilities, Capability
from waypost.selection.methods import METHODS
from waypost.selection.sticky import Sticky
from waypost.signals.base import Signal
from waypost.usage import Price

GROUPS: Final = ("all_of", "any_of", "none_of")
LIST_SUFFIX: Final = "_keywords"
BLOCKS: Final = frozenset({"providers", "models", "keywords", "routing_rules", "categories", "test_cases"})
"""Top-level keys whose content is checked entry by entry."""


def _many(value: object) -> object:
    return [value] if isinstance(value, str) else value


_NAME = r"^[!-~]([ -~]*[!-~])?$"
_CLUSTER = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_PATH = r"^(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+$"
_VERSION = r"^[A-Za-z0-9._-]{1,40}$"
PATTERNS: Final[Mapping[str, str]] = {
    _NAME: "printable ASCII without a space at either end: it goes into headers",
    _CLUSTER: "letters, digits, '.', '_' and '-' only",
    _HEADER: "the name of a header",
    _PATH: "a path that begins with '/', without a query",
    _VERSION: "letters, digits, '.', '_' and '-' only",
}
"""What a pattern demands, in words."""

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=_NAME)]
ProviderName = Annotated[str, Field(min_length=1, max_length=60, pattern=_CLUSTER)]
HeaderName = Annotated[str, Field(pattern=_HEADER)]
UrlPath = Annotated[str, Field(pattern=_PATH, max_length=200)]
Names = Annotated[
    tuple[Text, ...], BeforeValidator(_many, json_schema_input_type=str | list[Text]), Field(min_length=1)
]


@configurable
class ProviderAddress:
    """One of several addresses of a provider; it has a `url` or an `address`."""

    url: Text | None = None
    """Like `base_url`: `https://gpu1.example:8000/v1`."""

    address: Text | None = None
    """`host:port` alone; scheme and path are the usual ones of the kind."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Its share of the requests, in proportion to the weights of the others."""


@configurable
class ProviderTls:
    """How an https provider is verified, and what it is shown. Paths are relative to the file."""

    ca_file: Text | None = None
    """PEM file of the authorities that may have signed its certificate. Default: the system's."""

    cert_file: Text | None = None
    """PEM file of a certificate that Waypost shows it, with those in between."""

    key_file: Text | None = None
    """PEM file of the key of that certificate, without a password."""

    server_name: Text | None = None
    """Name that is asked for and that its certificate must have, where it is not the host's."""


@configurable
class ProviderPaths:
    """Paths of a provider that has unusual ones, behind the path of `base_url`."""

    chat: UrlPath | None = None
    """Chat completions. Default: `/chat/completions`."""

    embeddings: UrlPath | None = None
    """Embeddings. Default: `/embeddings`."""

    completions: UrlPath | None = None
    """Completions of the older form. Default: `/completions`."""

    responses: UrlPath | None = None
    """Responses. Default: `/responses`."""

    messages: UrlPath | None = None
    """Messages of Anthropic's form. Default: `/messages`."""


@configurable
class ProviderLimits:
    """Most of what may be under way to a provider at a time.

    A request above it is refused with 503 at once; it does not go on to the next model.
    """

    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Open connections."""

    pending: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Requests that wait for a connection."""

    requests: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Requests that are being answered."""

    retries: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Failed attempts here whose requests are being tried again, here or elsewhere, at a time."""


@configurable
class ProviderPlace:
    """Where a provider is, and how it is reached."""

    kind: ProviderKind
    """What speaks there. `vllm`, `ollama` and `openai_compatible` are servers of your own or of others that
    speak OpenAI's form."""

    base_url: Text | None = None
    """Address up to and including the version, for example `http://10.0.0.5:8000/v1`. Default: the vendor's
    own; for `vllm` and `ollama` their port on this machine. `azure_openai` needs the address of the resource,
    `https://NAME.openai.azure.com`, and `openai_compatible` that of the server."""

    endpoints: Annotated[tuple[Text | ProviderAddress, ...], Field(min_length=1, max_length=64)] | None = None
    """Several addresses in place of `base_url`, with one scheme and path; each is a URL or a block."""

    api_version: Annotated[str, Field(pattern=_VERSION)] | None = None
    """For `azure_openai`: requests go to paths by deployment, with this version. Default: to `/openai/v1`."""

    paths: ProviderPaths = ProviderPaths()
    """Paths that are not the usual ones. One that is named says too that its form is spoken there."""

    tls: ProviderTls = ProviderTls()
    """For https: authorities, certificate and name of one's own."""

    retries: Annotated[int, Field(ge=0, le=3)] | None = None
    """How often a model of this provider is tried again before the chain goes on. Default: 1 where the
    provider has several addresses or several keys, else 0."""

    limits: ProviderLimits = ProviderLimits()
    """Most of what may be under way to it at a time."""


@configurable
class Provider(ProviderPlace):
    """Who serves models, where, and with which credential."""

    api_key: SecretStr | None = None
    """Credential sent to this provider and no other; write `"${VAR}"` so that it stays out of the file."""

    api_keys: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=64)] | None = None
    """Several: the next one takes over where one has reached its limit."""

    api_key_file: Text | None = None
    """File with the credential, relative to this one; it is read again when it changes."""

    api_key_files: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)] | None = None
    """Several such files."""

    headers: Annotated[dict[str, SecretStr], Field(max_length=32)] = field(
        default_factory=dict[str, SecretStr]
    )
    """Further headers that this provider is sent, and no other; a value may be `"${VAR}"`."""

    zone: Text = "external"
    """Free label of where the provider runs; a rule's `boundary` names zones."""

    organization: Text | None = None
    """Sent as `openai-organization`."""

    project: Text | None = None
    """Sent as `openai-project`."""


@configurable
class Model:
    """A logical model: the name that clients and rules use for a model at a provider."""

    provider: Text
    """Name of an entry of `providers`."""

    name: Text | None = None
    """What the provider calls the model. Default: the logical name."""

    description: str = ""
    """For people."""

    price: Price | None = None
    """What it costs: answers are charged by it, and the methods `scored` and `cheapest_above` weigh it."""

    reasoning_family: Text | None = None
    """How it is told to think: a name of `reasoning_families`, or of a built-in family such as `qwen3`."""

    context_window: Annotated[int, Field(gt=0)] | None = None
    """Most tokens of request and answer together; a longer request passes the model over."""

    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    """Most tokens of an answer. A rule that selects passes the model over where more are wanted. Requests
    translated for Anthropic or Gemini are held to it instead of what is known of the model by its name."""

    capabilities: Capabilities = Capabilities()
    """What it can do. A request that needs what it cannot do passes it over."""

    loras: tuple[Lora, ...] = ()
    """Adapters that its server has loaded."""

    pii: PiiLevel | None = None
    """Guard of personal data, for requests that would go to this model."""

    prompt_guard: AttackLevel | None = None
    """Guard against jailbreaks, likewise."""


@configurable
class Zone:
    """Guards of all models in a zone."""

    pii: PiiLevel | None = None
    """Guard of personal data."""

    prompt_guard: AttackLevel | None = None
    """Guard against jailbreaks."""


@configurable
class Reasons:
    """How a model is used."""

    use_reasoning: bool | Literal["auto"] | None = None
    """Whether it is told to think: `true`, `false`, or `auto` = where the request looks hard. Default: it is
    told nothing."""

    reasoning_effort: Effort | None = None
    """How hard it thinks. Default: `default_reasoning_effort`."""

    lora: Text | None = None
    """Adapter of the model that answers."""


@configurable
class Pick(Reasons):
    """One candidate of a route."""

    model: Text
    """Logical model, or a provider that has exactly one."""

    score: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """How well it suits; the methods `scored` and `cheapest_above` weigh it."""

    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """Share of the conversations, for the method `canary`."""

    optional: bool = False
    """Whether the model may not be there yet: while its provider does not know it, it is passed over."""


@configurable
class Route(Reasons):
    """Send the request to a model."""

    endpoint: Text | None = None
    """Logical model, or a provider that has exactly one."""

    endpoints: Annotated[tuple[Text | Pick, ...], Field(min_length=1, max_length=MAX_CHAIN)] | None = None
    """Several, in failover order, or as `select` orders them."""

    boundary: Names | None = None
    """Zone or zones that no attempt may leave. Default: the zone of the first endpoint unless that is
    `external`."""

    reasoning: str = ""
    """A sentence for logs and audit; it does not switch a model's reasoning mode."""

    on_explicit: Literal["reroute", "refuse"] = "reroute"
    """What becomes of a request that names a model outside the boundary."""


@configurable
class Block:
    """Refuse the request."""

    status: Annotated[int, Field(ge=400, le=599)] = 403
    """HTTP status of the answer."""

    message: Text = "This request is not allowed by policy."
    """Shown to the client."""

    reasoning: str = ""
    """A sentence for logs and audit."""


@configurable
class Respond:
    """Answer with a fixed text; no model is asked."""

    message: Text
    """The assistant message that the client receives."""

    reasoning: str = ""
    """A sentence for logs and audit."""


Action = Route | Block | Respond
ACTIONS: Final[Mapping[str, type[Action]]] = {
    "route": Route,
    "block": Block,
    "respond": Respond,
}


@configurable
class Shaping:
    """What becomes of requests that a rule or category decides."""

    pii: PiiLevel | None = None
    """Guard of personal data."""

    prompt_guard: AttackLevel | None = None
    """Guard against jailbreaks."""

    system_prompt: WrittenPrompt | None = None
    """Put in front of the conversation: a text, the word `builtin`, or a block."""

    parameters: RequestParameters | None = None
    """Parameters of the request that are limited, filled in or removed."""

    headers: HeaderEdits | None = None
    """Headers that are set or removed."""

    tools: ToolSettings | None = None
    """Tools that the request carries. Default: `tools` of the file."""

    select: str | dict[str, Any] | None = None
    """How a model is chosen: `static` (in order), `scored`, `cheapest_above` or `canary`, or a block with
    this `type`."""

    sticky: bool | Sticky = False
    """Whether a conversation keeps its model."""

    requires: tuple[Capability, ...] = ()
    """What the model must be able to do."""


@configurable
class Rule(Shaping):
    """One policy statement."""

    name: Name
    """Unique; appears in the header `x-waypost-decision`, in traces and in the audit log."""

    description: str = ""
    """One line for people."""

    business_justification: str = ""
    """Why the rule exists; copied into each audit record."""

    owner: str = ""
    """Who answers for the rule; copied into each audit record."""

    priority: int = 0
    """Higher comes first; equal ones keep the order of the file."""

    conditions: Annotated[tuple[Any, ...], Field(min_length=1)]
    """All must hold; nest with `all_of`, `any_of` and `none_of`."""

    action: dict[str, Any]
    """What happens when they hold."""

    on_error: Literal["closed", "open"] | None = None
    """What a rule is that cannot be judged: `closed` = it holds, `open` = it is skipped. Default: `closed`
    for a block and for a route with a boundary, else `open`."""


@configurable
class ModelScore(Reasons):
    """How well a model suits a category."""

    model: Text
    """Logical model."""

    score: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Higher is better."""

    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """Share of the conversations, for the method `canary`."""

    optional: bool = False
    """Whether the model may not be there yet: while its provider does not know it, it is passed over."""


@configurable
class Category(Shaping):
    """A kind of request and the models that suit it; decides where no rule does.

    Without `domain`, `intent` and `examples` its name must be a domain or an intent. The category `other`
    takes what no other one claims.
    """

    name: Name
    """Unique."""

    description: str = ""
    """For people."""

    model_scores: Annotated[tuple[ModelScore, ...], Field(min_length=1)]
    """Models that suit it."""

    domain: Names = ()
    """Domain it stands for, or several."""

    intent: Names = ()
    """Task it stands for, or several."""

    examples: tuple[Text, ...] = ()
    """Texts it stands for: a category of one's own; three to ten different ones do."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Smallest probability at which it is chosen. Default: `classifier.category_model.threshold`."""

    boundary: Names | None = None
    """Zones no attempt may leave. Default: the zone of its models, where all lie in one that is not
    `external`."""


@configurable
class ModelChoice:
    """A classifier in place of the built-in one, by the keys of vLLM Semantic Router."""

    model_id: Text | None = None
    """Folder of a Hugging Face checkpoint, relative to the file. One that does not exist leaves the built-in
    classifier in place, with a warning."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Default threshold of the conditions this classifier answers."""

    category_mapping_path: Text | None = None
    """Names of the labels, where the checkpoint itself does not say them."""

    pii_mapping_path: Text | None = None
    """Likewise, for types of personal data."""

    use_cpu: bool | None = None
    """No effect: `encoder.device` says what models run on."""

    use_modernbert: bool | None = None
    """No effect: the checkpoint says what it is."""


@configurable
class Classifier:
    """Classifiers of topics and of personal data."""

    category_model: ModelChoice = ModelChoice()
    """Answers `domain`, and with it the categories."""

    pii_model: ModelChoice = ModelChoice()
    """Answers `pii_detection`, where no pattern does."""


@configurable
class PromptGuard:
    """What becomes of jailbreaks and injected instructions, wherever no narrower level says otherwise."""

    enabled: bool = False
    """Whether requests are looked at."""

    action: AttackAction | None = None
    """`block`, `reroute` (to the next candidate whose guard allows it), `annotate` (it passes, and a header
    says how likely it is an attack) or `allow`. Default: `block`."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Smallest probability of an attack at which a request is refused. Default: 0.5."""

    document_threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """The same for results of tools and retrieved documents. Default: `threshold`."""

    method: AttackMethod | None = None
    """`patterns` finds forms of words that are attacks wherever they stand and asks no classifier;
    `classifier` asks only it; `hybrid` does both. Default: `hybrid`."""

    patterns: tuple[str, ...] | None = None
    """Phrases of your own that are attacks: whole words, `*` for up to 40 characters."""

    model_id: Text | None = None
    """Folder of a Hugging Face checkpoint in place of the built-in classifier, relative to the file."""

    jailbreak_mapping_path: Text | None = None
    """Names of the labels, where the checkpoint itself does not say them."""

    use_cpu: bool | None = None
    """No effect: `encoder.device` says what models run on."""

    use_modernbert: bool | None = None
    """No effect: the checkpoint says what it is."""


@configurable
class EmbeddingModel:
    """The model behind similarity."""

    model_id: Text | None = None
    """Folder of a sentence-transformers checkpoint in place of the built-in one, relative to the file."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Default threshold of `similarity`."""

    use_cpu: bool | None = None
    """No effect: `encoder.device` says what models run on."""


@configurable
class Case:
    """An input and what must be decided about it; run by `waypost test`."""

    input: Text | Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    """One user message, or a list of messages in OpenAI form."""

    model: Text = "auto"
    """What the client asks for: `auto`, or a logical model."""

    team: Text | None = None
    """Team of the caller, as a trusted hop would say."""

    tenant: Text | None = None
    """Tenant of the caller, likewise."""

    user: Text | None = None
    """User, likewise."""

    expected_endpoint: Text | None = None
    """Endpoint that must be chosen, or `semantic_classification` when no rule may match."""

    expected_reasoning: Text | None = None
    """The rule's `reasoning`, the evidence, or evidence that names a part of the keywords found."""

    expected_rule: Text | None = None
    """Rule that must decide."""

    expected_action: Literal["route", "block", "respond"] | None = None
    """Kind of action that must be taken."""

    expected_category: Text | None = None
    """Category of the semantic fallback that must decide."""

    strict: bool = False
    """`expected_reasoning` must be the evidence, word for word."""


@configurable
class IdentityHeaders:
    """Headers in which a trusted hop says who is asking."""

    team: HeaderName = "x-authz-team-id"
    """Team of the caller."""

    tenant: HeaderName = "x-authz-tenant-id"
    """Tenant of the caller."""

    user: HeaderName = "x-authz-user-id"
    """User."""


@configurable
class Costs:
    """What answers cost, by the prices of their models; the audit log and the metrics tell it always."""

    baseline: Text | None = None
    """Model that savings are told against: what the same tokens would have cost there. It needs a `price`."""

    headers: bool = False
    """Whether clients are told what an answer in JSON cost and saved. A stream cannot tell: its headers leave
    before its text."""


@configurable
class Reroute:
    """Send what cannot be read to a zone that may see it."""

    reroute: Text
    """Name of the zone."""


@configurable
class Document:
    """A Waypost configuration. Top-level maps whose name ends in `_keywords` are keyword lists too."""

    listen: str = "127.0.0.1:8801"
    """Where clients connect, `host:port`."""

    admin: str = "127.0.0.1:8080"
    """Health and readiness, `host:port`."""

    state_dir: Text | None = None
    """Folder of the audit log, relative to the first file. Default: `waypost` in the XDG state folder."""

    include: Names = ()
    """Further files, relative to this one; their lists are appended, their maps merged."""

    providers: dict[ProviderName, Provider] = field(default_factory=dict[str, Any])
    """Who serves models."""

    models: dict[Name, Model] = field(default_factory=dict[str, Any])
    """Logical models: what clients and rules name."""

    keywords: dict[str, tuple[Text, ...]] = field(default_factory=dict[str, Any])
    """Named lists for the `lists` of keyword conditions."""

    routing_rules: tuple[Rule, ...] = ()
    """Checked from top to bottom, higher `priority` first; the first that holds decides."""

    reasoning_families: dict[Name, ReasoningFamily] = field(default_factory=dict[str, Any])
    """How models are told to think, beside the families that are built in."""

    default_reasoning_effort: Effort = "medium"
    """How hard a model thinks that is told to, where nothing else is said."""

    tools: ToolSettings | None = None
    """Tools that requests carry, where rule and category say nothing."""

    categories: tuple[Category, ...] = ()
    """Where a request goes that no rule claims: to the models of the likeliest category."""

    classifier: Classifier = Classifier()
    """Thresholds, and classifiers of one's own."""

    prompt_guard: PromptGuard = PromptGuard()
    """Guard against jailbreaks."""

    pii: PiiLevel | None = None
    """Guard of personal data. Where neither this key nor a zone or model says anything, zones called
    `external` get a protective default: card numbers, IBANs, national ids and keys that prove themselves by
    their form are masked and put back into the answer."""

    zones: dict[Text, Zone] = field(default_factory=dict[str, Any])
    """Guards by zone."""

    block_style: Literal["strict", "openai"] = "strict"
    """How a refusal looks: `strict` = an error with its own status; `openai` = an assistant message with
    `finish_reason: content_filter` and status 200, as vLLM Semantic Router answers."""

    bert_model: EmbeddingModel = EmbeddingModel()
    """Embeddings."""

    encoder: EncoderSettings = EncoderSettings()
    """How the classifiers run."""

    default_model: Text | None = None
    """Model for requests that no rule claims. Default: the only model, where there is one only."""

    fallbacks: Annotated[tuple[Text, ...], Field(max_length=MAX_CHAIN - 1)] = ()
    """Models that are tried in this order when all candidates of a rule or category have failed, as far as
    its boundary lets them. Where the client named a model, nobody else is tried."""

    auto_model_names: Annotated[tuple[Name, ...], Field(min_length=1)] = ("auto", "MoM")
    """Model names that ask for routing."""

    trusted_hops: tuple[str, ...] = ()
    """Networks (CIDR) whose identity headers are believed."""

    identity_headers: IdentityHeaders = IdentityHeaders()
    """Which headers those are."""

    unscannable: Literal["block", "allow"] | Reroute | None = None
    """Images, audio and files where a rule has to read them: `block`, `allow`, or `{reroute: zone}`.
    Default: the rule that cannot be ruled out holds."""

    costs: Costs = Costs()
    """What is told of the cost of answers."""

    audit: AuditSettings = AuditSettings()
    """The audit log."""

    timeouts: Timeouts = Timeouts()
    """How long providers may take."""

    strict_parameters: bool = False
    """Whether a request is refused that has a parameter its model cannot be told. Else the parameter is left
    out, and the header `x-waypost-dropped-params` says so."""

    max_body_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 50 * 1024 * 1024
    """Largest request body."""

    test_cases: tuple[Case, ...] = ()
    """Run by `waypost test`."""


def json_schema(signals: Mapping[str, type[Signal]]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole file, condition and action types included; for editors."""
    root = schema_of(Document)
    definitions: dict[str, Any] = root["$defs"]
    rule = definitions["Rule"]["properties"]
    rule["conditions"] |= {"items": {"$ref": "#/$defs/Condition"}}
    rule["action"] = _tagged(ACTIONS, definitions) | {"description": rule["action"]["description"]}
    for shaped in (rule, definitions["Category"]["properties"]):
        method = _tagged(METHODS, definitions)
        about = shaped["select"]["description"]
        shaped["select"] = {"anyOf": [{"enum": list(METHODS)}, method], "description": about}
    definitions["Condition"] = _tagged(signals, definitions)
    definitions["Condition"]["oneOf"] += [_group(name) for name in GROUPS]
    named = "Keyword lists; `lists` names one as `<group>` or `<this key>.<group>`."
    lists = root["properties"]["keywords"] | {"description": named}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "patternProperties": {f"{LIST_SUFFIX}$": lists},
    }
    return {"title": "Waypost configuration", **_untitled(whole)}


def _untitled(shape: Any) -> Any:  # noqa: ANN401  any JSON
    """Without pydantic's titles: they repeat the names of the keys."""
    match shape:
        case dict():
            fields = cast("dict[str, Any]", shape)
            return {k: _untitled(v) for k, v in fields.items() if k != "title" or isinstance(v, dict)}
        case list():
            return [_untitled(item) for item in cast("list[Any]", shape)]
        case _:
            return shape


def _group(name: str) -> dict[str, Any]:
    items = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Condition"}}
    return {"type": "object", "properties": {name: items}, "required": [name], "additionalProperties": False}


def _tagged(classes: Mapping[str, type[Any]], definitions: dict[str, Any]) -> dict[str, Any]:
    """`oneOf` by `type`; editors offer the keys of the chosen kind only."""
    for tag, cls in classes.items():
        shape = adapter(cls).json_schema()
        definitions |= shape.pop("$defs", {})
        properties = {"type": {"const": tag}} | shape["properties"]
        definitions[tag] = shape | {
            "properties": properties,
            "required": ["type", *shape.get("required", ())],
        }
    return {"type": "object", "oneOf": [{"$ref": f"#/$defs/{tag}"} for tag in classes]}
