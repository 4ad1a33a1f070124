/* replace and enclose [RFC 5703 5, 6]. */
#include "mail/field.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fcc.h"
#include "sieve/fields.h"
#include "sieve/letter.h"

bool
sieve_check_replace(struct sieve_check *c, struct sieve_node *n)
{
	if (sieve_has_tag(n, T_MIME) &&
	    (sieve_has_tag(n, T_SUBJECT) || sieve_has_tag(n, T_FROM)))
		return sieve_check_fail_at(c, n,
		    "\":mime\" cannot be used with \":subject\" or \":from\"");
	return sieve_check_from(c, n) && sieve_check_entity(c, n, 0);
}

/* Fields that say how a body is written. */
static bool
is_mime_field(struct sv name)
{
	return sv_istarts(name, SV("Content-")) ||
	       sv_ieq(name, SV("MIME-Version"));
}

struct wish {
	struct sv subject, from, text;
};

static enum sieve_flow
expand_tag(struct sieve_run *r, const struct sieve_node *n, enum sieve_tag t,
    struct sv *out)
{
	const struct sieve_value *v = sieve_tag_value(n, t);

	*out = SV("");
	return v != NULL ? sieve_expand(r, n, &v->s[0], out) : FLOW_ON;
}

static enum sieve_flow
expand_wish(struct sieve_run *r, const struct sieve_node *n, struct wish *w)
{
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &w->text);

	if (f == FLOW_ON)
		f = expand_tag(r, n, T_SUBJECT, &w->subject);
	return f == FLOW_ON ? expand_tag(r, n, T_FROM, &w->from) : f;
}

/* The fields that stay, and those that take the place of others. */
static void
put_kept(struct sv header, const struct wish *w, struct buf *out)
{
	struct mail_field f;

	while (mail_field_next(&header, &f)) {
		if (is_mime_field(f.name))
			continue;
		if (w->subject.n > 0 && sv_ieq(f.name, SV("Subject"))) {
			sieve_put_written(out, "Subject", w->subject);
			buf_adds(out, "Original-");
		}
		if (w->from.n > 0 && sv_ieq(f.name, SV("From"))) {
			sieve_put_addresses(out, "From", w->from);
			buf_adds(out, "Original-");
		}
		sieve_put_lines(out, f.whole);
	}
}

static void
put_content(const struct sieve_node *n, struct sv text, struct buf *out)
{
	if (sieve_has_tag(n, T_MIME))
		sieve_put_entity(out, text);
	else
		sieve_put_text(out, text);
}

static bool
has_field(struct sv header, struct sv name)
{
	struct mail_field f;

	return mail_field_find(header, name, &f);
}

static enum sieve_flow
replace_message(
    struct sieve_run *r, const struct sieve_node *n, const struct wish *w)
{
	struct sv header = r->doc.header;
	enum sieve_flow f;
	struct buf b;

	buf_init(&b, 2 * header.n + 4 * w->text.n + (1 << 16));
	if (w->subject.n > 0 && !has_field(header, SV("Subject")))
		sieve_put_written(&b, "Subject", w->subject);
	if (w->from.n > 0 && !has_field(header, SV("From")))
		sieve_put_addresses(&b, "From", w->from);
	put_kept(header, w, &b);
	buf_adds(&b, "MIME-Version: 1.0\r\n");
	put_content(n, w->text, &b);
	f = buf_ok(&b) ? sieve_doc_set(r, n, buf_sv(&b))
		       : sieve_fail(r, n, "the replacement is too long");
	buf_fini(&b);
	return f;
}

static enum sieve_flow
replace_part(struct sieve_run *r, const struct sieve_node *n, uint32_t part,
    struct sv text)
{
	static const struct wish none = {0};
	const struct mime_part *p;
	struct mime_msg *m;
	struct sv whole, entity;
	enum sieve_flow f = sieve_doc_mime(r, n, &m);
	struct buf b;

	if (f == FLOW_ON)
		f = sieve_doc_whole(r, n, &whole);
	if (f != FLOW_ON || part >= m->n)
		return f;
	p = &m->part[part];
	buf_init(&b, 2 * whole.n + 4 * text.n + (1 << 16));
	buf_addsv(&b, sv_first(whole, p->header_off));
	put_kept(sv_of(whole.p + p->header_off, p->header_len), &none, &b);
	put_content(n, text, &b);
	/* The line break at its end belongs to the delimiter. */
	entity = buf_sv(&b);
	if (p->body_off + p->body_len < whole.n && sv_ends(entity, SV("\r\n")))
		buf_truncate(&b, b.n - 2);
	buf_addsv(&b, sv_skip(whole, p->body_off + p->body_len));
	f = buf_ok(&b) ? sieve_doc_set(r, n, buf_sv(&b))
		       : sieve_fail(r, n, "the replacement is too long");
	buf_fini(&b);
	return f;
}

enum sieve_flow
sieve_run_replace(struct sieve_run *r, const struct sieve_node *n)
{
	uint32_t part = r->loop != NULL ? r->loop->part : r->root;
	enum sieve_flow f;
	struct wish w;

	f = expand_wish(r, n, &w);
	if (f != FLOW_ON)
		return f;
	if (r->loop != NULL)
		r->loop->replaced = true;
	return part == 0 ? replace_message(r, n, &w)
			 : replace_part(r, n, part, w.text);
}

/* ---- enclose ---- */

#define ENCLOSED 3 /* parts that come in front */

static bool
is_one_of(struct sv name, const struct sv *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sv_ieq(name, names[i]))
			return true;
	return false;
}

/* A boundary that is not in the message: of its hash. */
static void
put_boundary(struct sieve_run *r, struct sv whole, struct buf *out)
{
	unsigned char key[SIEVE_KEY_BYTES];
	struct sv part[] = {whole, r->message->to};

	sieve_key(key, "boundary", part, 2);
	buf_adds(out, "=_sieve_");
	for (size_t i = 0; i < SIEVE_KEY_BYTES; i++)
		buf_addf(out, "%02x", key[i]);
}

static void
put_outer_header(struct sieve_run *r, const struct wish *w,
    const struct sv *names, size_t nnames, struct buf *out)
{
	struct sv header = r->doc.header;
	struct mail_field f;

	while (mail_field_next(&header, &f))
		if (is_one_of(f.name, names, nnames) &&
		    !is_mime_field(f.name) &&
		    !(w->subject.n > 0 && sv_ieq(f.name, SV("Subject"))))
			sieve_put_lines(out, f.whole);
	if (!is_one_of(SV("From"), names, nnames) && r->message->to.n > 0)
		sieve_put_addresses(out, "From", r->message->to);
	if (w->subject.n > 0)
		sieve_put_written(out, "Subject", w->subject);
	else if (!is_one_of(SV("Subject"), names, nnames))
		sieve_put_field(
		    out, "Subject", sieve_first_field(r, SV("Subject")));
}

static void
put_enclosure(struct sieve_run *r, const struct wish *w, struct sv whole,
    bool stamp, struct buf *out)
{
	struct buf boundary;

	buf_init(&boundary, 64);
	put_boundary(r, whole, &boundary);
	if (stamp)
		sieve_put_stamp(r, out, w->text);
	buf_adds(out, "MIME-Version: 1.0\r\n");
	buf_addf(out,
	    "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n",
	    boundary.p, boundary.p);
	sieve_put_text(out, w->text);
	buf_addf(out,
	    "\r\n--%s\r\nContent-Type: message/rfc822\r\n"
	    "Content-Disposition: attachment\r\n\r\n",
	    boundary.p);
	buf_addsv(out, whole);
	buf_addf(out, "\r\n--%s--\r\n", boundary.p);
	buf_fini(&boundary);
}

/* What was part 0 is now behind the outer message, the text, and the part that
 * has the message in it. */
static void
move_loops(struct sieve_run *r)
{
	for (struct sieve_loop *l = r->loop; l != NULL; l = l->up) {
		l->part += ENCLOSED;
		l->top += ENCLOSED;
	}
	if (r->root > 0)
		r->root += ENCLOSED;
}

enum sieve_flow
sieve_run_enclose(struct sieve_run *r, const struct sieve_node *n)
{
	struct wish w;
	struct sv whole, *names;
	size_t nnames;
	enum sieve_flow f;
	struct buf b;

	f = expand_wish(r, n, &w);
	if (f == FLOW_ON)
		f = sieve_expand_all(
		    r, n, sieve_tag_value(n, T_HEADERS), &names, &nnames);
	if (f == FLOW_ON)
		f = sieve_doc_whole(r, n, &whole);
	if (f != FLOW_ON)
		return f;
	buf_init(&b, 2 * whole.n + 4 * w.text.n + (1 << 16));
	put_outer_header(r, &w, names, nnames, &b);
	put_enclosure(r, &w, whole, !is_one_of(SV("Date"), names, nnames), &b);
	f = buf_ok(&b) ? sieve_doc_set(r, n, buf_sv(&b))
		       : sieve_fail(r, n, "the enclosure is too long");
	if (f == FLOW_ON)
		move_loops(r);
	if (f == FLOW_ON && r->unenclosed.p == NULL)
		r->unenclosed = whole;
	buf_fini(&b);
	return f;
}
