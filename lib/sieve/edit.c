/* addheader and deleteheader [RFC 5293]. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "sieve/address.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fields.h"
#include "sieve/letter.h"
#include "sieve/match.h"

#define EDIT_WORK 6 /* of a byte of the header that is looked through */

#define NAME_MAX_BYTES 76 /* so that it fits a line */

/* field-name [RFC 5322 2.2] */
static bool
is_field_name(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]) || s.p[i] == ':')
			return false;
	return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

/* What must stay as it is [RFC 5293 6, 5703 5]; attempts are ignored. */
static bool
is_protected(struct sv name)
{
	static const struct sv all[] = {SV("Received"), SV("Auto-Submitted"),
	    SV("Original-Subject"), SV("Original-From")};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(name, all[i]))
			return true;
	return false;
}

bool
sieve_check_addheader(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_each(
	    c, n->pos[0], is_field_name, "the name of a header field");
}

/* A name that has variables in it is known now. */
static enum sieve_flow
field_name(struct sieve_run *r, const struct sieve_node *n, struct sv *out)
{
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], out);

	if (f == FLOW_ON && !is_field_name(*out))
		return sieve_fail(r, n,
		    "\"%s\" is not the name of a header field", QUOTE(*out));
	return f;
}

static bool
has_addresses(struct sv name)
{
	static const struct sv all[] = {SV("From"), SV("Sender"),
	    SV("Reply-To"), SV("To"), SV("Cc"), SV("Bcc"), SV("Resent-From"),
	    SV("Resent-Sender"), SV("Resent-To"), SV("Resent-Cc"),
	    SV("Resent-Bcc")};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(name, all[i]))
			return true;
	return false;
}

/* An encoded word must not have addresses in it [RFC 2047 5 (3)]. */
static void
put_value(struct buf *out, const char *name, struct sv value)
{
	bool encode =
	    utf8_has_8bit(value) || sv_find(value, SV("=?")) < value.n;

	if (encode && has_addresses(sv_str(name)) &&
	    sieve_is_mailbox_list(value))
		sieve_put_addresses(out, name, value);
	else
		sieve_put_written(out, name, value);
}

enum sieve_flow
sieve_run_addheader(struct sieve_run *r, const struct sieve_node *n)
{
	bool last = sieve_has_tag(n, T_LAST);
	struct sv name, value, header = r->doc.header;
	enum sieve_flow f;
	struct buf b;
	char text[NAME_MAX_BYTES + 1];

	f = field_name(r, n, &name);
	if (f == FLOW_ON)
		f = sieve_expand(r, n, &n->pos[1]->s[0], &value);
	if (f != FLOW_ON)
		return f;
	if (sv_ieq(name, SV("Original-Subject")) ||
	    sv_ieq(name, SV("Original-From")))
		return FLOW_ON;
	sv_copy(name, text, sizeof text);
	buf_init(&b, header.n + 8 * value.n + 16384);
	if (last) {
		buf_addsv(&b, header);
		if (header.n > 0 && header.p[header.n - 1] != '\n')
			buf_adds(&b, "\r\n");
	}
	put_value(&b, text, value);
	if (!last)
		buf_addsv(&b, header);
	f = sieve_doc_set_header(r, n, buf_sv(&b));
	buf_fini(&b);
	return f;
}

/* ---- deleteheader ---- */

bool
sieve_check_deleteheader(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_fields(c, n) &&
	       sieve_check_each(
		   c, n->pos[0], is_field_name, "the name of a header field");
}

/* Is the field's text one of the patterns? */
static enum sieve_flow
value_fits(struct sieve_matcher *m, struct sv value, bool *out)
{
	enum sieve_flow f;

	if (m->n->pos[1] == NULL) {
		*out = true;
		return FLOW_ON;
	}
	m->hit = false;
	m->count = 0;
	f = sieve_matcher_value(m, sieve_field_text(m->r, value));
	return sieve_matcher_end(m, f, out);
}

/* The number of the only field that may be deleted; 0: all may. */
static uint64_t
which(const struct sieve_run *r, const struct sieve_node *n, struct sv name)
{
	const struct sieve_value *index = sieve_tag_value(n, T_INDEX);
	uint64_t have = mail_field_count(r->doc.header, name);

	if (index == NULL)
		return 0;
	if (!sieve_has_tag(n, T_LAST))
		return index->number;
	return index->number <= have ? have - index->number + 1 : UINT64_MAX;
}

static enum sieve_flow
delete_fields(struct sieve_matcher *m, struct sv name, struct buf *out)
{
	struct sieve_run *r = m->r;
	struct sv rest = r->doc.header;
	const char *done = rest.p;
	uint64_t only = which(r, m->n, name), seen = 0;
	enum sieve_flow f = FLOW_ON;
	struct mail_field field;

	while (f == FLOW_ON && mail_field_next(&rest, &field)) {
		bool gone = false;

		if (!sv_ieq(field.name, name))
			continue;
		seen++;
		if (only == 0 || only == seen)
			f = value_fits(m, field.value, &gone);
		if (!gone)
			continue;
		buf_add(out, done, (size_t)(field.whole.p - done));
		done = field.whole.p + field.whole.n;
	}
	buf_add(out, done, (size_t)(r->doc.header.p + r->doc.header.n - done));
	return f;
}

enum sieve_flow
sieve_run_deleteheader(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_matcher m;
	struct sv name;
	struct buf b;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = field_name(r, n, &name);
	if (f == FLOW_ON)
		f = sieve_charge(r, n, EDIT_WORK * r->doc.header.n);
	if (f != FLOW_ON || is_protected(name))
		return f;
	buf_init(&b, r->doc.header.n + 1);
	f = delete_fields(&m, name, &b);
	if (f == FLOW_ON && b.n < r->doc.header.n)
		f = sieve_doc_set_header(r, n, buf_sv(&b));
	buf_fini(&b);
	return f;
}
