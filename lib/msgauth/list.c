#include "msgauth/list.h"

#include <string.h>

#include "base/ascii.h"
#include "mail/addrlist.h"
#include "msgauth/name.h"

/* ---- addresses ---- */

/* What programs put behind or before a list's name for bounces, requests and
 * its owner.  "-return-" and "-bounces+" have more behind them. */
static const struct sv suffixes[] = {SV("-bounces"), SV("-bounce"),
    SV("-request"), SV("-return"), SV("-owner"), SV("-admin"), SV("-errors"),
    SV("-confirm"), SV("-join"), SV("-leave"), SV("-subscribe"),
    SV("-unsubscribe"), SV("-editor")};
static const struct sv prefixes[] = {
    SV("owner-"), SV("bounce-"), SV("bounces-"), SV("request-")};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct sv
plain_local(struct sv local)
{
	size_t i, n = sv_chr(local, '+'), at;

	/* +detail, and what VERP has added [club-return-7-anna=example.org] */
	if (n > 0)
		local = sv_first(local, n);
	at = sv_find(local, SV("-return-"));
	if (at > 0)
		local = sv_first(local, at);
	for (i = 0; i < COUNT(suffixes); i++)
		if (local.n > suffixes[i].n && sv_ends(local, suffixes[i]))
			return sv_first(local, local.n - suffixes[i].n);
	for (i = 0; i < COUNT(prefixes); i++)
		if (local.n > prefixes[i].n && sv_starts(local, prefixes[i]))
			return sv_skip(local, prefixes[i].n);
	return local;
}

/* local@domain in lower case; false if it is not an address to write to. */
static bool
put_address(struct sv local, struct sv domain, char out[LIST_ADDRESS_MAX])
{
	char name[DNS_NAME_MAX];
	struct buf b;
	size_t i;
	bool ok;

	if (local.n == 0 || name_ascii(domain, name) != RC_OK)
		return false;
	buf_init(&b, LIST_ADDRESS_MAX - 1);
	for (i = 0; i < local.n; i++)
		buf_addc(&b, ascii_lower(local.p[i]));
	buf_addc(&b, '@');
	buf_adds(&b, name);
	ok = buf_ok(&b);
	for (i = 0; ok && i < b.n; i++)
		ok = ascii_is_graph(b.p[i]);
	if (ok)
		memcpy(out, b.p, b.n + 1);
	buf_fini(&b);
	return ok;
}

int
list_address_of(struct sv address, char out[LIST_ADDRESS_MAX])
{
	size_t at = sv_rchr(address, '@');
	char lower[LIST_ADDRESS_MAX];
	struct sv all;

	if (!put_address(
		sv_first(address, at), sv_skip(address, at + 1), lower))
		return RC_SYNTAX;
	all = sv_str(lower);
	at = sv_rchr(all, '@');
	return put_address(
		   plain_local(sv_first(all, at)), sv_skip(all, at + 1), out)
		   ? RC_OK
		   : RC_SYNTAX;
}

/* ---- fields ---- */

/* The only one of that name, or NULL. */
static const struct mail_field *
only(const struct fieldset *fields, struct sv name)
{
	const struct mail_field *f = NULL;
	size_t i;

	for (i = 0; i < fieldset_count(fields); i++) {
		const struct mail_field *g = fieldset_at(fields, i);

		if (!sv_ieq(g->name, name))
			continue;
		if (f != NULL)
			return NULL;
		f = g;
	}
	return f;
}

/* What is in the last angle brackets; all of it without brackets. */
static struct sv
in_brackets(struct sv value)
{
	size_t open = sv_rchr(value, '<'), close;

	if (open == value.n)
		return sv_trim(value);
	value = sv_skip(value, open + 1);
	close = sv_chr(value, '>');
	return close < value.n ? sv_trim(sv_first(value, close)) : SV("");
}

static int
hex(char c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* [RFC 3986 2.1] */
static void
unescape(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex(s.p[i + 2]) : -1;

		buf_addc(out, low >= 0 ? (char)(high * 16 + low) : s.p[i]);
		if (low >= 0)
			i += 2;
	}
}

/* One URL of List-Post; the first to write mail to is the list's. */
static bool
read_url(struct sv url, struct list_name *l)
{
	struct buf b;
	bool ok = false;
	size_t at;

	url = sv_trim(url);
	if (!sv_istarts(url, SV("mailto:")))
		return false;
	url = sv_skip(url, SV("mailto:").n);
	buf_init(&b, LIST_ADDRESS_MAX);
	unescape(sv_first(url, sv_chr(url, '?')), &b);
	at = sv_rchr(buf_sv(&b), '@');
	ok = buf_ok(&b) && at < b.n &&
	     put_address(sv_first(buf_sv(&b), at), sv_skip(buf_sv(&b), at + 1),
		 l->address);
	buf_fini(&b);
	return ok;
}

static bool
read_post(const struct mail_field *f, struct list_name *l)
{
	struct sv rest = f->value, url;
	size_t open, close;

	while ((open = sv_chr(rest, '<')) < rest.n) {
		rest = sv_skip(rest, open + 1);
		close = sv_chr(rest, '>');
		url = sv_first(rest, close);
		if (close < rest.n && read_url(url, l))
			return true;
	}
	return false;
}

static bool
read_id(const struct mail_field *f, struct list_name *l)
{
	struct sv id;
	size_t dot;

	if (name_ascii(in_brackets(f->value), l->id) != RC_OK)
		return false;
	id = sv_str(l->id);
	dot = sv_chr(id, '.');
	return name_labels(id) > 2 &&
	       put_address(sv_first(id, dot), sv_skip(id, dot + 1), l->address);
}

static bool
read_source(enum list_source source, const struct fieldset *fields,
    struct sv sender, struct list_name *l)
{
	const struct mail_field *f;

	switch (source) {
	case LIST_POST:
		f = only(fields, SV("List-Post"));
		return f != NULL && read_post(f, l);
	case LIST_ID:
		f = only(fields, SV("List-Id"));
		return f != NULL && read_id(f, l);
	case LIST_SENDER:
		return list_address_of(sender, l->address) == RC_OK;
	case LIST_SOURCES:
		break;
	}
	must(false);
}

size_t
list_names(const struct fieldset *fields, struct sv sender,
    struct list_name out[LIST_SOURCES])
{
	size_t n = 0;
	int i;

	for (i = 0; i < LIST_SOURCES; i++) {
		struct list_name l = {.source = (enum list_source)i};
		struct sv at;

		if (!read_source(l.source, fields, sender, &l))
			continue;
		at = sv_str(l.address);
		at = l.source == LIST_ID ? sv_str(l.id)
					 : sv_skip(at, sv_rchr(at, '@') + 1);
		sv_copy(at, l.domain, sizeof l.domain);
		out[n++] = l;
	}
	return n;
}

/* ---- the author ---- */

static int
take_author(void *arg, const struct mail_addr *a)
{
	char *author = arg, other[LIST_ADDRESS_MAX];

	if (!put_address(a->local, a->domain, other) ||
	    (author[0] != '\0' && strcmp(author, other) != 0))
		return RC_SYNTAX;
	memcpy(author, other, sizeof other);
	return RC_OK;
}

void
list_author(const struct fieldset *fields, char out[LIST_ADDRESS_MAX])
{
	const struct mail_field *from = only(fields, SV("From"));

	out[0] = '\0';
	if (from == NULL || fieldset_is_cut(fields) ||
	    mail_author_each(from->value, take_author, out) != RC_OK)
		out[0] = '\0';
}

/* ---- confirmation ---- */

static bool
covers(const struct dkim_verdict *v, enum list_source source)
{
	return (source == LIST_POST && v->signs_list_post) ||
	       (source == LIST_ID && v->signs_list_id);
}

bool
list_is_confirmed(const struct list_name *l, const struct dkim_verdict *dkim,
    size_t ndkim, const struct spf_outcome *mailfrom)
{
	struct sv domain = sv_str(l->domain), from = sv_str(mailfrom->domain);
	bool sent =
	    mailfrom->result == AUTH_PASS &&
	    (name_is_within(domain, from) || name_is_within(from, domain));
	size_t i;

	for (i = 0; i < ndkim; i++)
		if (dkim[i].result == AUTH_PASS &&
		    name_is_within(domain, sv_str(dkim[i].domain)) &&
		    (sent || covers(&dkim[i], l->source)))
			return true;
	return false;
}
