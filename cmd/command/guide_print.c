/* What `hearthmail dns` has found, for people and zone files. */
#include <stdio.h>

#include "base/plural.h"
#include "cmd/command/guide.h"
#include "msgauth/iprev.h"

#define INDENT	  12
#define WIDTH	  79
#define FOUND_MAX 150 /* bytes of others' texts on the screen; of keys: */
#define KEY_MAX	  55

/* ---- a zone file ---- */

static void
print_zone_record(const struct publish *p)
{
	struct buf line;

	buf_init(&line, 8192);
	publish_file_line(p, &line);
	if (publish_is_record(p))
		puts(line.p);
	else if (p->kind == PUBLISH_DKIM)
		printf("; no DKIM keys: %s\n", p->words.p);
	else if (p->kind == PUBLISH_ADDRESS && p->type == DNS_A)
		printf("; %s. A: the public address of your router\n", p->name);
	buf_fini(&line);
}

static void
print_zone_group(const struct guide *g, const char *domain)
{
	size_t i;

	for (i = 0; i < g->list.n; i++)
		if (g->list.p[i].domain == domain)
			print_zone_record(&g->list.p[i]);
}

void
guide_print_zone(const struct guide *g)
{
	size_t i;

	printf("; %s\n", g->conf->hostname);
	print_zone_group(g, NULL);
	for (i = 0; i < g->conf->ndomain; i++) {
		if (!guide_shows(g, &g->conf->domain[i]))
			continue;
		printf("\n; %s\n", g->conf->domain[i].name);
		print_zone_group(g, g->conf->domain[i].name);
	}
}

/* ---- a screen ---- */

/* A paragraph; what is in front of its first line has `at` columns. */
static void
print_wrapped(struct sv text, size_t at)
{
	bool first = true;

	while (text.n > 0) {
		struct sv word = sv_split(&text, ' ');

		if (!first && at + 1 + word.n > WIDTH) {
			printf("\n%*s", INDENT, "");
			at = INDENT;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		printf("%.*s", SV_ARG(word));
		at += word.n;
		first = false;
	}
	putchar('\n');
}

/* "DKIM hm-rsa-202611": which of several. */
static void
put_label(const struct publish *p, struct buf *out)
{
	struct sv name = sv_str(p->name);
	char ip[LOOKUP_IP_TEXT];

	buf_adds(out, publish_kind_name(p));
	switch (p->kind) {
	case PUBLISH_DKIM:
	case PUBLISH_SRV:
		if (p->lookup)
			buf_addf(out, " %.*s",
			    SV_ARG(sv_first(name, sv_chr(name, '.'))));
		break;
	case PUBLISH_PTR:
		buf_addf(out, " of %s", lookup_ip_text(&p->ip, ip));
		break;
	case PUBLISH_BLOCK_LIST:
		buf_addf(out, " %s", p->list->zone);
		break;
	case PUBLISH_AUTOCONFIG:
	case PUBLISH_PORT_25:
		buf_addf(out, " %s", p->name);
		break;
	case PUBLISH_MX:
	case PUBLISH_ADDRESS:
	case PUBLISH_SPF:
	case PUBLISH_DMARC:
	case PUBLISH_TLSRPT:
	case PUBLISH_TLSA:
	case PUBLISH_NEXT_TLSA:
	case PUBLISH_MTA_STS:
	case PUBLISH_CAA:
	case PUBLISH_DNSSEC:
		break;
	}
}

/* several: others of its kind follow, to which the words apply, too. */
static void
print_entry(const struct publish *p, const char *word, bool several)
{
	struct buf text;

	buf_init(&text, 16384);
	if (several)
		buf_adds(&text, publish_kind_name(p));
	else
		put_label(p, &text);
	if (p->words.n > 0)
		buf_addf(&text, ": %s", p->words.p);
	if (p->servers.n > 0)
		buf_addf(
		    &text, "%s%s", p->words.n > 0 ? "; " : ": ", p->servers.p);
	printf("  %-9s ", word);
	print_wrapped(buf_sv(&text), INDENT);
	buf_fini(&text);
}

static void
print_found(const struct publish *p)
{
	size_t max = p->kind == PUBLISH_DKIM ? KEY_MAX : FOUND_MAX;
	struct sv f = buf_sv(&p->found);

	if (f.n > 0)
		printf("%*sfound: %.*s%s\n", INDENT, "",
		    SV_ARG(sv_first(f, max)), f.n > max ? "..." : "");
}

static void
print_paste(const struct publish *p)
{
	struct buf line;

	if (!publish_is_record(p) || p->elsewhere)
		return;
	buf_init(&line, 8192);
	publish_zone_line(p, &line);
	printf("%*s%s\n", INDENT, "", line.p);
	buf_fini(&line);
}

typedef bool filter_fn(const struct publish *p);

static bool
is_next(const struct publish *p)
{
	return p->kind == PUBLISH_DKIM && p->key == PUBLISH_KEY_NEXT;
}

/* Is the same said of both? */
static bool
is_alike(const struct publish *a, const struct publish *b)
{
	return a->kind == b->kind && a->domain == b->domain &&
	       a->state == b->state &&
	       sv_eq(buf_sv(&a->words), buf_sv(&b->words)) &&
	       sv_eq(buf_sv(&a->servers), buf_sv(&b->servers));
}

/* Entries that pass, with the records to be pasted; those of a kind of which
 * the same is said in one. */
static void
print_entries(const struct guide *g, const char *domain, filter_fn *filter)
{
	const struct publish *p, *last = NULL, *next;
	size_t i, n = g->list.n;

	for (i = 0; i < n; i++) {
		p = &g->list.p[i];
		if (p->domain != domain || !filter(p))
			continue;
		next = i + 1 < n ? p + 1 : NULL;
		if (last == NULL || !is_alike(last, p))
			print_entry(p,
			    p->state == PUBLISH_DIFFERENT ? "wrong"
			    : publish_is_trouble(p)	  ? "missing"
			    : is_next(p)		  ? "next"
							  : "optional",
			    next != NULL && filter(next) && is_alike(p, next));
		last = p;
		print_found(p);
		/* What all have but some servers is pasted already. */
		if (p->servers.n == 0 || p->words.n > 0)
			print_paste(p);
	}
}

/* A bogus zone is not mended by pasting. */
static bool
is_bogus(const struct publish *p)
{
	return p->state == PUBLISH_DIFFERENT && p->security == DNS_BOGUS;
}

static bool
is_wrong(const struct publish *p)
{
	return !is_bogus(p) && p->state == PUBLISH_DIFFERENT;
}

static bool
is_needed(const struct publish *p)
{
	return publish_is_trouble(p) && p->state == PUBLISH_MISSING;
}

/* Right, with something to be said. */
static bool
is_noted(const struct publish *p)
{
	return p->state == PUBLISH_RIGHT && (p->warn || p->servers.n > 0);
}

static bool
is_soon(const struct publish *p)
{
	return p->state == PUBLISH_RIGHT && p->world == PUBLISH_WORLD_OLD;
}

static void
print_note(const struct publish *p)
{
	print_entry(p, "note", false);
	if (p->warn && p->kind != PUBLISH_SPF && p->kind != PUBLISH_DKIM)
		print_found(p);
}

/* Missing, and not needed; there is something to be pasted. */
static bool
is_offered(const struct publish *p)
{
	return p->state == PUBLISH_MISSING && !publish_is_trouble(p) &&
	       publish_is_record(p);
}

/* Likewise, but there is nothing to be pasted. */
static bool
is_unused(const struct publish *p)
{
	return p->state == PUBLISH_MISSING && !publish_is_trouble(p) &&
	       !publish_is_record(p);
}

static bool
is_plain(const struct publish *p)
{
	return p->state == PUBLISH_RIGHT && !is_noted(p) && !is_soon(p) &&
	       !(p->kind == PUBLISH_ADDRESS && p->found.n == 0) &&
	       !(p->kind == PUBLISH_DNSSEC && p->security != DNS_SECURE);
}

static bool
is_unknown(const struct publish *p)
{
	return p->state == PUBLISH_UNKNOWN && !p->hint;
}

/* All kinds of a group that pass, each once, in one line.  like: only those
 * with the same words. */
static void
print_kinds(const struct guide *g, const char *domain, filter_fn *filter,
    const char *word, const struct publish *like)
{
	const char *last = "";
	struct buf text;
	size_t i;

	buf_init(&text, 4096);
	for (i = 0; i < g->list.n; i++) {
		const struct publish *p = &g->list.p[i];
		const char *name = p->kind == PUBLISH_BLOCK_LIST && like != NULL
				       ? p->list->zone
				       : publish_kind_name(p);

		if (p->domain != domain || !filter(p) || name == last ||
		    (like != NULL &&
			!sv_eq(buf_sv(&p->words), buf_sv(&like->words))))
			continue;
		if (text.n > 0)
			buf_adds(&text, ", ");
		buf_adds(&text, name);
		if (p->kind == PUBLISH_BLOCK_LIST && like == NULL)
			buf_adds(&text, "s");
		if (p->kind == PUBLISH_SPF && p->spf_lookups > 1)
			buf_addf(&text, " (%u lookups)", p->spf_lookups);
		last = name;
	}
	if (like != NULL && like->words.n > 0)
		buf_addf(&text, ": %s", like->words.p);
	if (text.n > 0) {
		printf("  %-9s ", word);
		print_wrapped(buf_sv(&text), INDENT);
	}
	buf_fini(&text);
}

static bool
is_first_of_words(
    const struct guide *g, const char *domain, size_t at, filter_fn *filter)
{
	size_t i;

	for (i = 0; i < at; i++) {
		const struct publish *p = &g->list.p[i];

		if (p->domain == domain && filter(p) &&
		    sv_eq(buf_sv(&p->words), buf_sv(&g->list.p[at].words)))
			return false;
	}
	return true;
}

/* What others will see before long. */
static void
print_soon(const struct guide *g, const char *domain)
{
	const char *last = "";
	unsigned minutes = 1;
	struct buf text;
	size_t i;

	buf_init(&text, 4096);
	for (i = 0; i < g->list.n; i++) {
		const struct publish *p = &g->list.p[i];

		if (p->domain != domain || !is_soon(p))
			continue;
		if (publish_kind_name(p) != last)
			buf_addf(&text, "%s%s", text.n > 0 ? ", " : "",
			    publish_kind_name(p));
		last = publish_kind_name(p);
		if ((p->ttl + 59) / 60 > minutes)
			minutes = (p->ttl + 59) / 60;
	}
	if (text.n > 0) {
		buf_addf(&text,
		    ": the zone has it; others who asked before see the old "
		    "answer for up to %u minute%s",
		    minutes, minutes > 1 ? "s" : "");
		printf("  %-9s ", "soon");
		print_wrapped(buf_sv(&text), INDENT);
	}
	buf_fini(&text);
}

/* Those of which the same is said, in one line each. */
static void
print_alike(const struct guide *g, const char *domain, filter_fn *filter,
    const char *word)
{
	size_t i;

	for (i = 0; i < g->list.n; i++) {
		const struct publish *p = &g->list.p[i];

		if (p->domain == domain && filter(p) &&
		    is_first_of_words(g, domain, i, filter))
			print_kinds(g, domain, filter, word, p);
	}
}

static void
print_group(const struct guide *g, const char *domain)
{
	size_t i;

	print_alike(g, domain, is_bogus, "wrong");
	print_entries(g, domain, is_wrong);
	print_entries(g, domain, is_needed);
	print_alike(g, domain, is_unknown, "unknown");
	for (i = 0; i < g->list.n; i++)
		if (g->list.p[i].domain == domain && is_noted(&g->list.p[i]))
			print_note(&g->list.p[i]);
	print_soon(g, domain);
	print_kinds(g, domain, is_plain, "right", NULL);
	print_entries(g, domain, is_offered);
	print_kinds(g, domain, is_unused, "unused", NULL);
}

static void
add_answer(enum publish_answer answer, const struct buf *why, const char *yes,
    const char *no, const char *maybe, struct buf *out)
{
	buf_adds(out, answer == PUBLISH_YES  ? yes
		      : answer == PUBLISH_NO ? no
					     : maybe);
	if (why->n > 0)
		buf_addf(out, " (%s)", why->p);
}

static void
print_verdict(const struct guide *g, const char *domain)
{
	struct publish_verdict v;
	struct buf text;

	publish_sum_up(&g->list, domain, &v);
	buf_init(&text, 2048);
	buf_addf(&text, "%s: ", domain);
	add_answer(v.reached, &v.why_reached, "others can send mail to it",
	    "others CANNOT send mail to it",
	    "whether others can send mail to it is unknown", &text);
	buf_adds(&text, ", ");
	add_answer(v.believed, &v.why_believed, "and can trust its mail",
	    "and CANNOT trust its mail",
	    "whether they can trust its mail is unknown", &text);
	putchar('\n');
	print_wrapped(buf_sv(&text), 0);
	buf_fini(&text);
	publish_verdict_fini(&v);
}

static void
print_host(const struct guide *g)
{
	char ip[LOOKUP_IP_TEXT];
	size_t i;

	printf("%s", g->conf->hostname);
	if (g->host.relay != NULL)
		printf(", sends through %s", g->host.relay->host);
	for (i = 0; i < g->host.nsender && g->host.relay == NULL; i++)
		printf("%s %s", i == 0 ? ", sends from" : " and",
		    lookup_ip_text(&g->host.sender[i], ip));
	putchar('\n');
	print_group(g, NULL);
	if (!g->network && g->host.relay == NULL && g->conf->outside)
		puts("  untried   port 25 of others: hearthmail dns --network");
	if (g->resolver_lies)
		print_wrapped(
		    SV("  note      the name servers in /etc/resolv.conf "
		       "answer for names that do not exist: do not believe "
		       "other programs' block list results on this machine"),
		    0);
	else if (g->resolver_dead)
		print_wrapped(SV("  note      the name servers in "
				 "/etc/resolv.conf do not answer"),
		    0);
}

void
guide_print_screen(const struct guide *g)
{
	size_t i, wrong = guide_troubles(g);

	print_host(g);
	for (i = 0; i < g->conf->ndomain; i++) {
		const char *domain = g->conf->domain[i].name;

		if (!guide_shows(g, &g->conf->domain[i]))
			continue;
		print_verdict(g, domain);
		print_group(g, domain);
	}
	if (wrong == 0)
		puts("\nAll records are published.");
	else if (guide_knows_nothing(g))
		puts("\nNothing could be looked up because no name server "
		     "answers: check the network\nconnection, and that the "
		     "firewall allows port 53.");
	else
		printf("\n%zu of these %zu record%s need%s attention.\n", wrong,
		    g->list.n, plural(g->list.n), each(wrong, "s", ""));
}

/* ---- a line each ---- */

void
guide_print_brief(const struct guide *g)
{
	struct buf text;
	size_t i;

	if (guide_knows_nothing(g)) {
		printf("%s: no name server answers\n", g->conf->hostname);
		return;
	}
	buf_init(&text, 1024);
	for (i = 0; i < g->list.n; i++) {
		const struct publish *p = &g->list.p[i];

		if (!publish_is_trouble(p))
			continue;
		buf_reset(&text);
		put_label(p, &text);
		printf("%s: %s is %s\n",
		    p->domain != NULL ? p->domain : g->conf->hostname, text.p,
		    p->state == PUBLISH_MISSING	  ? "missing"
		    : p->state == PUBLISH_UNKNOWN ? "unknown"
						  : "wrong");
	}
	buf_fini(&text);
}
