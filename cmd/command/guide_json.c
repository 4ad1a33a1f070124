/* What `hearthmail dns` has found, for programs. */
#include <jansson.h>
#include <stdio.h>

#include "cmd/command/guide.h"
#include "msgauth/iprev.h"

static json_t *
json_bytes(const struct buf *b)
{
	return json_stringn(b->p, b->n);
}

/* Without an answer nothing is known of its protection. */
static const char *
security_name(const struct publish *p)
{
	static const char *const names[] = {"insecure", "secure", "bogus"};

	return p->state == PUBLISH_UNKNOWN ? "unknown" : names[p->security];
}

static const char *
world_name(enum publish_world w)
{
	static const char *const names[] = {"unknown", "same", "old"};

	return names[w];
}

static const char *
key_name(enum publish_key k)
{
	static const char *const names[] = {"active", "next", "old"};

	return names[k];
}

static void
add_state(json_t *r, const struct publish *p)
{
	(void)json_object_set_new(
	    r, "state", json_string(publish_state_name(p->state)));
	(void)json_object_set_new(r, "found", json_bytes(&p->found));
	(void)json_object_set_new(r, "elsewhere", json_boolean(p->elsewhere));
	(void)json_object_set_new(r, "text", json_bytes(&p->words));
	(void)json_object_set_new(r, "warning", json_boolean(p->warn));
	(void)json_object_set_new(
	    r, "trouble", json_boolean(publish_is_trouble(p)));
	(void)json_object_set_new(r, "dnssec", json_string(security_name(p)));
	(void)json_object_set_new(r, "servers", json_bytes(&p->servers));
	(void)json_object_set_new(
	    r, "world", json_string(world_name(p->world)));
	if (p->kind == PUBLISH_DKIM)
		(void)json_object_set_new(
		    r, "key", json_string(key_name(p->key)));
	if (p->kind == PUBLISH_SPF) {
		(void)json_object_set_new(
		    r, "lookups", json_integer(p->spf_lookups));
		(void)json_object_set_new(
		    r, "depth", json_integer(p->spf_depth));
	}
}

static const char *
answer_name(enum publish_answer a)
{
	static const char *const names[] = {"no", "yes", "unknown"};

	return names[a];
}

static json_t *
json_verdicts(const struct guide *g)
{
	json_t *all = json_array();
	struct publish_verdict v;
	size_t i;

	for (i = 0; i < g->conf->ndomain; i++) {
		const char *domain = g->conf->domain[i].name;

		if (!guide_shows(g, &g->conf->domain[i]))
			continue;
		publish_sum_up(&g->list, domain, &v);
		(void)json_array_append_new(all,
		    json_pack("{s:s, s:s, s:s, s:s, s:s}", "domain", domain,
			"reached", answer_name(v.reached), "reached_text",
			v.why_reached.n > 0 ? v.why_reached.p : "", "believed",
			answer_name(v.believed), "believed_text",
			v.why_believed.n > 0 ? v.why_believed.p : ""));
		publish_verdict_fini(&v);
	}
	return all;
}

static json_t *
json_senders(const struct guide *g)
{
	json_t *all = json_array();
	char ip[LOOKUP_IP_TEXT];
	size_t i;

	for (i = 0; i < g->host.nsender; i++)
		(void)json_array_append_new(
		    all, json_string(lookup_ip_text(&g->host.sender[i], ip)));
	return all;
}

static json_t *
json_record(const struct publish *p, bool checked)
{
	json_t *r = json_pack("{s:s?, s:s, s:s, s:s, s:o, s:b, s:b}", "domain",
	    p->domain, "kind", publish_kind_name(p), "name", p->name, "type",
	    publish_type_name(p), "value", json_bytes(&p->value), "advice",
	    p->advice, "hint", p->hint);

	if (checked)
		add_state(r, p);
	return r;
}

void
guide_print_json(const struct guide *g, bool checked)
{
	json_t *records = json_array();
	json_t *all = json_pack(
	    "{s:s, s:o}", "hostname", g->conf->hostname, "records", records);
	size_t i;

	if (checked) {
		(void)json_object_set_new(
		    all, "complete", json_boolean(guide_troubles(g) == 0));
		(void)json_object_set_new(
		    all, "looked_up", json_boolean(!guide_knows_nothing(g)));
		(void)json_object_set_new(all, "domains", json_verdicts(g));
		(void)json_object_set_new(all, "senders", json_senders(g));
		(void)json_object_set_new(all, "resolver",
		    json_string(g->resolver_lies   ? "rewrites answers"
				: g->resolver_dead ? "does not answer"
						   : ""));
	}
	for (i = 0; i < g->list.n; i++)
		/* Without looking there is only what can be published. */
		if (checked || publish_is_record(&g->list.p[i]) ||
		    g->list.p[i].kind == PUBLISH_DKIM ||
		    (g->list.p[i].kind == PUBLISH_ADDRESS &&
			g->list.p[i].type == DNS_A))
			(void)json_array_append_new(
			    records, json_record(&g->list.p[i], checked));
	(void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(all);
}
