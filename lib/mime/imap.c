/*
 * ENVELOPE and BODYSTRUCTURE as IMAP shows them [RFC 3501 7.4.2].
 *
 * Values are as they are in the header, unfolded, encoded words and all:
 * decoding is the client's.  Where RFC 3501 leaves a choice it is Dovecot's,
 * because clients are tested against it; test/data/mime/DIFFERENCES.md lists
 * where it is not.
 */
#include "base/ascii.h"
#include "mail/addrlist.h"
#include "mail/field.h"
#include "mime/mime_priv.h"

/* ---- strings ---- */

#define QUOTED_MAX 1000 /* some clients have lines of limited length */

static bool
can_be_quoted(struct sv s)
{
	size_t i;

	if (s.n > QUOTED_MAX)
		return false;
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] & 0x80 || s.p[i] == '\0' ||
		    s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

/* string = quoted / literal; NUL, which no literal can hold, becomes '?' */
static void
put_string(struct buf *out, struct sv s)
{
	size_t i, from = 0;

	if (!can_be_quoted(s)) {
		buf_addc(out, '{');
		buf_addu(out, s.n);
		buf_adds(out, "}\r\n");
		for (i = 0; i < s.n; i++)
			buf_addc(out, s.p[i] != '\0' ? s.p[i] : '?');
		return;
	}
	buf_addc(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_add(out, s.p + from, i - from);
		buf_addc(out, '\\');
		from = i;
	}
	buf_add(out, s.p + from, s.n - from);
	buf_addc(out, '"');
}

static void
put_nstring(struct buf *out, struct sv s)
{
	if (s.p == NULL)
		buf_adds(out, "NIL");
	else
		put_string(out, s);
}

/* For people to read: every run of blanks is one space. */
static void
put_narrow(struct buf *out, struct sv value)
{
	struct buf flat;

	buf_init(&flat, value.n);
	mime_narrow(value, false, &flat);
	put_string(out, buf_sv(&flat));
	buf_fini(&flat);
}

/* A field's value as nstring, on one line; a fold at its ends is not part of
 * it. */
static void
put_value(struct buf *out, struct sv value)
{
	struct buf flat;

	if (value.p != NULL)
		value = sv_trim(value);
	if (value.p == NULL || value.n == 0 ||
	    (sv_chr(value, '\n') == value.n &&
		sv_chr(value, '\r') == value.n)) {
		put_nstring(out, value);
		return;
	}
	buf_init(&flat, value.n);
	mime_unfold(value, &flat);
	put_string(out, buf_sv(&flat));
	buf_fini(&flat);
}

/* ---- ENVELOPE ---- */

enum env {
	ENV_DATE,
	ENV_SUBJECT,
	ENV_FROM,
	ENV_SENDER,
	ENV_REPLY_TO,
	ENV_TO,
	ENV_CC,
	ENV_BCC,
	ENV_IN_REPLY_TO,
	ENV_MESSAGE_ID,
	ENV_COUNT
};

static const struct {
	struct sv name;
	bool addresses;
} env_field[ENV_COUNT] = {
    [ENV_DATE] = {{"date", 4}, false},
    [ENV_SUBJECT] = {{"subject", 7}, false},
    [ENV_FROM] = {{"from", 4}, true},
    [ENV_SENDER] = {{"sender", 6}, true},
    [ENV_REPLY_TO] = {{"reply-to", 8}, true},
    [ENV_TO] = {{"to", 2}, true},
    [ENV_CC] = {{"cc", 2}, true},
    [ENV_BCC] = {{"bcc", 3}, true},
    [ENV_IN_REPLY_TO] = {{"in-reply-to", 11}, false},
    [ENV_MESSAGE_ID] = {{"message-id", 10}, false},
};

static int
env_of(struct sv name)
{
	int i;

	if (name.n > 11)
		return -1;
	for (i = 0; i < ENV_COUNT; i++)
		if (env_field[i].name.n == name.n &&
		    sv_ieq(env_field[i].name, name))
			return i;
	return -1;
}

/*
 * address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
 *
 * A NIL host means group syntax, so what has no domain gets a word that
 * stands for it.
 */
static void
put_address(struct buf *out, const struct mail_addr *a)
{
	buf_addc(out, '(');
	switch (a->kind) {
	case MAIL_ADDR_MAILBOX:
		if (a->name.n > 0)
			put_narrow(out, a->name);
		else
			buf_adds(out, "NIL");
		buf_addc(out, ' ');
		put_nstring(out, a->route);
		buf_addc(out, ' ');
		put_nstring(
		    out, a->local.p != NULL ? a->local : SV("MISSING_MAILBOX"));
		buf_addc(out, ' ');
		put_nstring(out,
		    a->domain.p != NULL ? a->domain : SV("MISSING_DOMAIN"));
		break;
	case MAIL_ADDR_GROUP:
		buf_adds(out, "NIL NIL ");
		put_nstring(out, a->name);
		buf_adds(out, " NIL");
		break;
	case MAIL_ADDR_GROUP_END:
		buf_adds(out, "NIL NIL NIL NIL");
		break;
	}
	buf_addc(out, ')');
}

struct fields {
	struct sv header;
	struct sv value[ENV_COUNT]; /* the last of each name */
	bool repeated[ENV_COUNT];
	struct mime_room room;
};

/* The addresses of a value appended; the parenthesis opens with the first. */
static void
put_addresses(struct buf *out, struct sv value, struct fields *fs, bool *open)
{
	struct mail_addrlist l;
	struct mail_addr a;
	bool group = false;

	mail_addrlist_init(&l, value);
	while (mail_addrlist_next(&l, &a)) {
		bool last = !mime_has_room(&fs->room);
		size_t had = out->n;

		if (last && !group)
			break;
		if (last) /* one that has begun ends, too */
			a.kind = MAIL_ADDR_GROUP_END;
		if (!*open)
			buf_addc(out, '(');
		*open = true;
		put_address(out, &a);
		if (last)
			break;
		mime_took_room(&fs->room, out->n - had);
		group = a.kind == MAIL_ADDR_GROUP ||
			(group && a.kind == MAIL_ADDR_MAILBOX);
	}
	mail_addrlist_fini(&l);
}

/*
 * All fields of that name as if they were one list: one who checks the first
 * From must not be fooled by a second one.  False if there is no address.
 */
static bool
put_address_field(struct buf *out, struct fields *fs, enum env e)
{
	struct sv header = fs->header;
	struct mail_field f;
	bool open = false;

	fs->room.count = MIME_ADDRESSES_MAX;
	if (!fs->repeated[e]) {
		put_addresses(out, fs->value[e], fs, &open);
	} else {
		while (mail_field_next(&header, &f))
			if (env_of(f.name) == (int)e)
				put_addresses(out, f.value, fs, &open);
	}
	if (open)
		buf_addc(out, ')');
	return open;
}

/*
 * Of a Date or Subject that is there twice the last one counts: it is the one
 * that a signature covers [RFC 6376 5.4.2], those above it were added on the
 * way.
 */
static void
find_fields(struct sv header, struct fields *fs)
{
	struct mail_field f;

	*fs = (struct fields){.header = header};
	while (mail_field_next(&header, &f)) {
		int e = env_of(f.name);

		if (e < 0)
			continue;
		fs->repeated[e] = fs->value[e].p != NULL;
		fs->value[e] = f.value;
	}
}

static void
put_env(struct buf *out, struct fields *fs, enum env e)
{
	if (env_field[e].addresses) {
		/* An absent or empty Sender or Reply-To is From [RFC 3501
		 * 7.4.2]. */
		if (!put_address_field(out, fs, e) &&
		    ((e != ENV_SENDER && e != ENV_REPLY_TO) ||
			!put_address_field(out, fs, ENV_FROM)))
			buf_adds(out, "NIL");
	} else if (e == ENV_SUBJECT && fs->value[e].p != NULL) {
		put_narrow(out, fs->value[e]);
	} else {
		put_value(out, fs->value[e]);
	}
}

void
mime_envelope(
    struct sv msg, const struct mime_msg *m, uint32_t i, struct buf *out)
{
	struct fields fs;
	int e;

	find_fields(mime_part_header(msg, &m->part[i]), &fs);
	fs.room = mime_room_for(fs.header.n, i == 0);
	for (e = 0; e < ENV_COUNT; e++) {
		buf_addc(out, e == 0 ? '(' : ' ');
		put_env(out, &fs, (enum env)e);
	}
	buf_addc(out, ')');
}

/* ---- BODYSTRUCTURE ---- */

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static void
put_params(struct buf *out, struct sv raw, bool add_charset)
{
	struct mime_params p;
	struct sv v;
	size_t i;

	mime_params_parse(raw, &p);
	add_charset = add_charset && !mime_params_find(&p, SV("charset"), &v);
	if (p.n == 0 && !add_charset) {
		buf_adds(out, "NIL");
		mime_params_fini(&p);
		return;
	}
	buf_addc(out, '(');
	for (i = 0; i < p.n; i++) {
		if (i > 0)
			buf_addc(out, ' ');
		put_string(out, p.kv[i].name);
		buf_addc(out, ' ');
		put_string(out, p.kv[i].value);
	}
	if (add_charset) {
		if (p.n > 0)
			buf_addc(out, ' ');
		buf_adds(out, "\"charset\" \"us-ascii\"");
	}
	buf_addc(out, ')');
	mime_params_fini(&p);
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void
put_disposition(struct buf *out, struct sv value)
{
	struct mime_ctype d = {.type = {NULL, 0}};

	if (value.p != NULL)
		d = mime_word_parse(value);
	if (d.type.n == 0) {
		buf_adds(out, "NIL");
		return;
	}
	buf_addc(out, '(');
	put_string(out, d.type);
	buf_addc(out, ' ');
	put_params(out, d.params, false);
	buf_addc(out, ')');
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" [RFC 3282] */
static void
put_language(struct buf *out, struct sv value)
{
	bool open = false;

	while (value.n > 0) {
		struct sv tag = sv_split(&value, ',');

		tag = mime_word_parse(tag).type;
		if (tag.n == 0)
			continue;
		buf_addc(out, open ? ' ' : '(');
		put_string(out, tag);
		open = true;
	}
	buf_adds(out, open ? ")" : "NIL");
}

/* disposition, language, location: the common end of the extended form */
static void
put_extension(struct buf *out, const struct mime_fields *f)
{
	buf_addc(out, ' ');
	put_disposition(out, f->disposition);
	buf_addc(out, ' ');
	put_language(out, f->language);
	buf_addc(out, ' ');
	put_value(out, f->location);
}

/* What is said of a part's type, if it cannot be what it says it is. */
static struct mime_ctype
shown_type(const struct mime_part *p, const struct mime_fields *f)
{
	struct mime_ctype ct = {.type = {NULL, 0}};

	if (f->content_type.p != NULL)
		ct = mime_ctype_parse(f->content_type);
	if (p->kind == MIME_KIND_OTHER &&
	    (sv_ieq(ct.type, SV("multipart")) ||
		(sv_ieq(ct.type, SV("message")) &&
		    (sv_ieq(ct.subtype, SV("rfc822")) ||
			sv_ieq(ct.subtype, SV("global")))))) {
		/* Beyond a limit: opaque bytes. */
		ct.type = SV("application");
		ct.subtype = SV("octet-stream");
		ct.params.n = 0;
	} else if (p->kind == MIME_KIND_MESSAGE) {
		bool global = sv_ieq(ct.subtype, SV("global"));

		ct.type = SV("message");
		ct.subtype = global ? SV("global") : SV("rfc822");
	} else if (ct.type.n == 0 || ct.subtype.n == 0 ||
		   (p->kind == MIME_KIND_TEXT &&
		       sv_ieq(ct.type, SV("multipart")))) {
		/* [RFC 2045 5.2] no syntactically valid type, or a multipart
		 * without parts: plain text */
		ct.type = SV("text");
		ct.subtype = SV("plain");
		ct.params.n = 0;
	}
	return ct;
}

/* body-fld-enc: the word of the field, or 7bit where it makes no sense. */
static struct sv
shown_encoding(const struct mime_part *p, const struct mime_fields *f)
{
	struct mime_ctype enc;

	if (f->cte.p == NULL)
		return SV("7bit");
	enc = mime_word_parse(f->cte);
	if (enc.type.n == 0 ||
	    (enc.params.n > 0 && p->encoding == MIME_ENC_IDENTITY))
		return SV("7bit");
	return enc.type;
}

struct render {
	struct sv msg;
	const struct mime_msg *m;
	bool extended;
	struct buf *out;
};

static void put_part(struct render *r, uint32_t i);

/* body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart] */
static void
put_multipart(struct render *r, const struct mime_part *p,
    const struct mime_fields *f, const struct mime_ctype *ct)
{
	struct buf *out = r->out;
	uint32_t c;

	for (c = p->first_child; c != MIME_NONE; c = r->m->part[c].next)
		put_part(r, c);
	buf_addc(out, ' ');
	put_string(out, ct->subtype);
	if (!r->extended)
		return;
	buf_addc(out, ' ');
	put_params(out, ct->params, false);
	put_extension(out, f);
}

/*
 * body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP
 *               body-fld-enc SP body-fld-octets
 */
static void
put_single(struct render *r, const struct mime_part *p,
    const struct mime_fields *f, const struct mime_ctype *ct)
{
	bool text = p->kind == MIME_KIND_TEXT;
	struct buf *out = r->out;

	put_string(out, ct->type);
	buf_addc(out, ' ');
	put_string(out, ct->subtype);
	buf_addc(out, ' ');
	put_params(out, ct->params, text);
	buf_addc(out, ' ');
	put_value(out, f->id);
	buf_addc(out, ' ');
	put_value(out, f->description);
	buf_addc(out, ' ');
	put_string(out, shown_encoding(p, f));
	buf_addc(out, ' ');
	buf_addu(out, p->body_len);
	if (p->kind == MIME_KIND_MESSAGE) {
		buf_addc(out, ' ');
		mime_envelope(r->msg, r->m, p->first_child, out);
		buf_addc(out, ' ');
		put_part(r, p->first_child);
	}
	if (text || p->kind == MIME_KIND_MESSAGE) {
		buf_addc(out, ' ');
		buf_addu(out, p->body_lines);
	}
	if (!r->extended)
		return;
	buf_addc(out, ' ');
	put_value(out, f->md5);
	put_extension(out, f);
}

/* Recursion is bounded by the depth that mime_parse() allows. */
static void
put_part(struct render *r, uint32_t i)
{
	const struct mime_part *p = &r->m->part[i];
	struct mime_fields f;
	struct mime_ctype ct;

	mime_fields_get(mime_part_header(r->msg, p), &f);
	ct = shown_type(p, &f);
	buf_addc(r->out, '(');
	if (p->kind == MIME_KIND_MULTIPART)
		put_multipart(r, p, &f, &ct);
	else
		put_single(r, p, &f, &ct);
	buf_addc(r->out, ')');
}

void
mime_bodystructure(
    struct sv msg, const struct mime_msg *m, bool extended, struct buf *out)
{
	struct render r = {msg, m, extended, out};

	put_part(&r, 0);
}
