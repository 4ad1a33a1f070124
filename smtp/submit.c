#include "smtp/submit.h"

#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/path.h"
#include "msgauth/authres.h"

void
smtp_submit_init(struct smtp_submit *f)
{
	*f = (struct smtp_submit){.scan = {.any_first = true}};
	buf_init(&f->header, SMTP_SUBMIT_HEADER_MAX);
}

void
smtp_submit_fini(struct smtp_submit *f)
{
	buf_fini(&f->header);
}

bool
smtp_submit_feed(struct smtp_submit *f, struct sv bytes, struct sv *rest)
{
	struct sv head = sv_first(bytes, f->header.max - f->header.n);

	buf_addsv(&f->header, head);
	*rest = sv_skip(bytes, head.n);
	f->over = mail_header_scan(&f->scan, buf_sv(&f->header));
	f->too_big = !f->over && rest->n > 0;
	return f->over || f->too_big;
}

void
smtp_submit_end(struct smtp_submit *f)
{
	mail_header_scan_end(&f->scan, buf_sv(&f->header));
	f->over = true;
}

struct sv
smtp_submit_text(const struct smtp_submit *f)
{
	return sv_skip(buf_sv(&f->header), f->scan.body);
}

/* One field whose addresses must all be the account's. */
struct check {
	const struct smtp_submit_args *a;
	const char *field;
	unsigned count;
	struct err *err;
};

static int
check_address(void *arg, const struct mail_addr *addr)
{
	struct check *c = arg;
	struct buf whole;
	int r = RC_OK;

	buf_init(&whole, 2 * MAIL_ADDRESS_MAX);
	buf_addsv(&whole, addr->local);
	buf_addc(&whole, '@');
	buf_addsv(&whole, addr->domain);
	if (!buf_ok(&whole) || !c->a->may_send(c->a->arg, buf_sv(&whole)))
		r = err_set(c->err, RC_DENIED,
		    "this account may not send as %.80s (%s)", whole.p,
		    c->field);
	c->count++;
	buf_fini(&whole);
	return r;
}

static int
check_addresses(struct sv value, const char *field,
    const struct smtp_submit_args *a, unsigned *count, struct err *err)
{
	struct check c = {.a = a, .field = field, .err = err};
	int r = mail_author_each(value, check_address, &c);

	*count += c.count;
	return r == RC_SYNTAX ? err_set(err, RC_SYNTAX,
				    "the %s field has no usable address", field)
			      : r;
}

/*
 * Somebody resends what others have written [RFC 5322 3.6.6]: then the last
 * Resent-From, which is the first in the header, tells who sends it, and From
 * and Sender are as they were.
 */
static bool
is_resent(struct sv header, const struct smtp_submit_args *a)
{
	struct mail_field f;
	unsigned n = 0;
	struct err err;

	return mail_field_find(header, SV("Resent-From"), &f) &&
	       check_addresses(f.value, "Resent-From", a, &n, &err) == RC_OK;
}

struct seen {
	bool resent; /* by the account */
	unsigned from, sender, date, message_id;
	unsigned from_addresses, sender_addresses;
};

static int
check_field(const struct mail_field *f, const struct smtp_submit_args *a,
    struct seen *seen, struct err *err)
{
	if (sv_ieq(f->name, SV("From"))) {
		seen->from++;
		if (seen->resent)
			return RC_OK;
		return check_addresses(
		    f->value, "From", a, &seen->from_addresses, err);
	}
	if (sv_ieq(f->name, SV("Sender"))) {
		seen->sender++;
		if (seen->resent)
			return RC_OK;
		return check_addresses(
		    f->value, "Sender", a, &seen->sender_addresses, err);
	}
	seen->date += sv_ieq(f->name, SV("Date"));
	seen->message_id += sv_ieq(f->name, SV("Message-ID"));
	return RC_OK;
}

/*
 * Fields that do not leave the server: Bcc names people that the others are
 * not to see, Return-Path is the last server's [RFC 5322 3.6.3, 5321 4.4].
 * Results in our name are what readers here believe: we have found out nothing
 * about a message that is only now sent [RFC 8601 5].
 */
static bool
is_dropped(const struct mail_field *f, const struct smtp_submit_args *a)
{
	const char *const ids[] = {a->hostname};

	return sv_ieq(f->name, SV("Bcc")) ||
	       sv_ieq(f->name, SV("Resent-Bcc")) ||
	       sv_ieq(f->name, SV("Return-Path")) ||
	       sv_ieq(f->name, SV(AUTHRES_JUNK_FIELD)) ||
	       (sv_ieq(f->name, SV("Authentication-Results")) &&
		   authres_is_forged(f->value, ids, 1));
}

static void
add_missing(
    const struct seen *seen, const struct smtp_submit_args *a, struct buf *out)
{
	size_t i;

	if (seen->date == 0) {
		buf_adds(out, "Date: ");
		mail_date_print(a->now, 0, out);
		buf_adds(out, "\r\n");
	}
	if (seen->message_id == 0) {
		buf_adds(out, "Message-ID: <");
		for (i = 0; i < 16; i++)
			buf_addf(out, "%02x", a->id[i]);
		buf_addf(out, "@%s>\r\n", a->hostname);
	}
}

/* All bytes of the header go out as they are, but the fields that are dropped;
 * what is not a field was found to be text before. */
static int
copy_fields(struct sv header, const struct smtp_submit_args *a,
    struct seen *seen, struct buf *out, struct err *err)
{
	struct sv at = header;
	struct mail_field field;
	int r = RC_OK;

	while (r == RC_OK && mail_field_next(&header, &field)) {
		r = check_field(&field, a, seen, err);
		if (!is_dropped(&field, a))
			continue;
		buf_add(out, at.p, (size_t)(field.whole.p - at.p));
		at = sv_skip(at, (size_t)(header.p - at.p));
	}
	buf_addsv(out, at);
	return r;
}

int
smtp_submit_edit(struct smtp_submit *f, const struct smtp_submit_args *a,
    struct buf *out, struct err *err)
{
	struct sv header = sv_first(buf_sv(&f->header), f->scan.header);
	struct sv fields;
	struct seen seen = {0};
	int r;

	/* Something before the fields, mostly the first line of an mbox file.
	 * It is kept under the name that Postfix has for that; were it text,
	 * all would be, and there would be no From. */
	if (f->scan.first > 0) {
		buf_adds(out, "X-Mailbox-Line: ");
		buf_addsv(out, sv_first(header, f->scan.first));
	}
	fields = sv_skip(header, f->scan.first);
	seen.resent = is_resent(fields, a);
	r = copy_fields(fields, a, &seen, out, err);
	if (r != RC_OK)
		return r;
	if (seen.from != 1 || (seen.from_addresses == 0 && !seen.resent))
		return err_set(err, RC_SYNTAX,
		    "the message needs exactly one "
		    "From field with an address");
	if (header.n > 0 && header.p[header.n - 1] != '\n')
		buf_adds(out, "\r\n");
	add_missing(&seen, a, out);
	buf_adds(out, "\r\n");
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
