#include "acme/answer.h"

#include <string.h>

#include <jansson.h>

#include "acme/date.h"
#include "base/ascii.h"

/* Fits into size bytes with its NUL, and may be one: copied; else empty. */
static bool
get_url(const json_t *object, const char *key, char out[ACME_URL_MAX])
{
	const json_t *v = json_object_get(object, key);
	struct sv s;
	size_t i;

	out[0] = '\0';
	if (!json_is_string(v))
		return false;
	s = sv_of(json_string_value(v), json_string_length(v));
	if (s.n >= ACME_URL_MAX || !sv_istarts(s, SV("https://")) || s.n < 9)
		return false;
	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	sv_copy(s, out, ACME_URL_MAX);
	return true;
}

/* For people: what is not printable becomes a question mark. */
static void
get_text(const json_t *v, char *out, size_t size)
{
	struct sv s = SV("");
	size_t i;

	if (json_is_string(v))
		s = sv_of(json_string_value(v), json_string_length(v));
	s = sv_first(s, size - 1);
	for (i = 0; i < s.n; i++)
		out[i] = s.p[i];
	for (i = 0; i < s.n; i++)
		if (out[i] < ' ' || out[i] > '~')
			out[i] = out[i] == '\n' || out[i] == '\t' ? ' ' : '?';
	out[s.n] = '\0';
}

/* A DNS name in lower case; false: it is not one. */
static bool
get_name(const json_t *identifier, char out[ACME_NAME_MAX])
{
	const json_t *v = json_object_get(identifier, "value");
	size_t i, n;

	out[0] = '\0';
	if (!json_is_string(v) || json_string_length(v) >= ACME_NAME_MAX)
		return false;
	n = json_string_length(v);
	for (i = 0; i < n; i++) {
		char c = ascii_lower(json_string_value(v)[i]);

		if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_')
			return false;
		out[i] = c;
	}
	out[n] = '\0';
	return n > 0;
}

static json_t *
load(struct sv json, struct err *err)
{
	json_error_t why;
	json_t *root = NULL;

	if (json.n > 0 && json.n <= ACME_ANSWER_MAX)
		root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(root)) {
		json_decref(root);
		(void)err_set(
		    err, RC_SYNTAX, "what it answers is not a JSON object");
		return NULL;
	}
	return root;
}

/* ---- problems ---- */

static void
read_problem(const json_t *root, struct acme_problem *out)
{
	const json_t *subs = json_object_get(root, "subproblems"), *sub;
	const char *type = json_string_value(json_object_get(root, "type"));
	const char *colon = type != NULL ? strrchr(type, ':') : NULL;
	size_t i;

	if (colon != NULL && strlen(colon + 1) < sizeof out->type)
		sv_copy(sv_str(colon + 1), out->type, sizeof out->type);
	for (i = 0; out->type[i] != '\0'; i++)
		if (!ascii_is_alnum(out->type[i]))
			out->type[i] = '?';
	get_text(
	    json_object_get(root, "detail"), out->detail, sizeof out->detail);
	(void)get_url(root, "instance", out->instance);
	json_array_foreach(subs, i, sub)
	{
		const json_t *id = json_object_get(sub, "identifier");

		if (out->nname < ACME_NAMES_MAX &&
		    get_name(id, out->name[out->nname]))
			out->nname++;
		if (i == 0 && out->detail[0] == '\0')
			get_text(json_object_get(sub, "detail"), out->detail,
			    sizeof out->detail);
	}
}

bool
acme_problem_read(struct sv json, struct acme_problem *out)
{
	json_t *root;

	memset(out, 0, sizeof *out);
	root = load(json, NULL);
	if (root == NULL)
		return false;
	read_problem(root, out);
	json_decref(root);
	return out->type[0] != '\0' || out->detail[0] != '\0';
}

/* ---- the rest ---- */

int
acme_directory_read(struct sv json, struct acme_directory *out, struct err *err)
{
	struct acme_directory d = {.external = false};
	json_t *root = load(json, err);
	int r = RC_OK;

	if (root == NULL)
		return RC_SYNTAX;
	if (!get_url(root, "newNonce", d.new_nonce) ||
	    !get_url(root, "newAccount", d.new_account) ||
	    !get_url(root, "newOrder", d.new_order))
		r = err_set(err, RC_SYNTAX,
		    "this is not the directory of a certificate authority");
	(void)get_url(root, "renewalInfo", d.renewal_info);
	d.external = json_is_true(json_object_get(
	    json_object_get(root, "meta"), "externalAccountRequired"));
	json_decref(root);
	if (r == RC_OK)
		*out = d;
	return r;
}

static enum acme_status
get_status(const json_t *object)
{
	static const struct {
		const char *name;
		enum acme_status status;
	} known[] = {
	    {"pending", ACME_PENDING},
	    {"ready", ACME_READY},
	    {"processing", ACME_PROCESSING},
	    {"valid", ACME_VALID},
	};
	const char *s = json_string_value(json_object_get(object, "status"));
	size_t i;

	for (i = 0; s != NULL && i < sizeof known / sizeof known[0]; i++)
		if (strcmp(s, known[i].name) == 0)
			return known[i].status;
	return ACME_INVALID;
}

int
acme_order_read(struct sv json, struct acme_order_said *out, struct err *err)
{
	json_t *root = load(json, err), *list;
	size_t i;

	memset(out, 0, sizeof *out);
	if (root == NULL)
		return RC_SYNTAX;
	out->status = get_status(root);
	(void)get_url(root, "finalize", out->finalize);
	(void)get_url(root, "certificate", out->certificate);
	list = json_object_get(root, "authorizations");
	for (i = 0; i < json_array_size(list) && i < ACME_NAMES_MAX; i++) {
		json_t *holder = json_object();

		(void)json_object_set(holder, "url", json_array_get(list, i));
		out->nauthorization += get_url(
		    holder, "url", out->authorization[out->nauthorization]);
		json_decref(holder);
	}
	if (json_is_object(json_object_get(root, "error")))
		read_problem(json_object_get(root, "error"), &out->problem);
	json_decref(root);
	if (out->finalize[0] == '\0' && out->status != ACME_INVALID)
		return err_set(err, RC_SYNTAX,
		    "its order does not say where it is finished");
	return RC_OK;
}

static bool
is_token(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n < ACME_TOKEN_MAX;
}

const char *
acme_way_name(enum acme_way way)
{
	return way == ACME_BY_TLS ? "tls-alpn-01" : "http-01";
}

unsigned
acme_way_port(enum acme_way way)
{
	return way == ACME_BY_TLS ? 443 : 80;
}

/* The first of each kind. */
static void
read_challenge(const json_t *c, struct acme_authorization *out)
{
	const char *type = json_string_value(json_object_get(c, "type"));
	const json_t *token = json_object_get(c, "token");
	struct acme_challenge *to;
	struct sv t;
	int way;

	for (way = 0; type != NULL && way < ACME_WAYS; way++)
		if (strcmp(type, acme_way_name((enum acme_way)way)) == 0)
			break;
	if (type == NULL || way == ACME_WAYS || !json_is_string(token))
		return;
	to = &out->challenge[way];
	t = sv_of(json_string_value(token), json_string_length(token));
	if (to->url[0] != '\0' || !is_token(t) || !get_url(c, "url", to->url))
		return;
	sv_copy(t, to->token, sizeof to->token);
	to->status = get_status(c);
}

int
acme_authorization_read(
    struct sv json, struct acme_authorization *out, struct err *err)
{
	json_t *root = load(json, err), *list, *c;
	size_t i;

	memset(out, 0, sizeof *out);
	if (root == NULL)
		return RC_SYNTAX;
	out->status = get_status(root);
	(void)get_name(json_object_get(root, "identifier"), out->name);
	list = json_object_get(root, "challenges");
	json_array_foreach(list, i, c)
	{
		read_challenge(c, out);
		/* Of whichever was tried. */
		if (out->problem.type[0] == '\0' &&
		    json_is_object(json_object_get(c, "error")))
			read_problem(
			    json_object_get(c, "error"), &out->problem);
	}
	json_decref(root);
	return RC_OK;
}

int
acme_window_read(struct sv json, struct acme_window *out, struct err *err)
{
	json_t *root = load(json, err), *w;
	const char *start, *end;
	struct acme_window got = {.start = -1, .end = -1};

	if (root == NULL)
		return RC_SYNTAX;
	w = json_object_get(root, "suggestedWindow");
	start = json_string_value(json_object_get(w, "start"));
	end = json_string_value(json_object_get(w, "end"));
	if (start != NULL)
		got.start = acme_rfc3339(sv_str(start));
	if (end != NULL)
		got.end = acme_rfc3339(sv_str(end));
	(void)get_url(root, "explanationURL", got.explanation);
	json_decref(root);
	if (got.start < 0 || got.end <= got.start)
		return err_set(err, RC_SYNTAX,
		    "its time for renewal has no beginning, or no end behind "
		    "that");
	*out = got;
	return RC_OK;
}
