#include "smtp/submit.h"

#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/path.h"

void
smtp_submit_init(struct smtp_submit *f)
{
	*f = (struct smtp_submit){.over = false};
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

/* Every address of the field must be one that the account may use. */
static int
check_addresses(struct sv value, const char *field,
    const struct smtp_submit_args *a, unsigned *count, struct err *err)
{
	struct mail_addrlist list;
	struct mail_addr addr;
	struct buf whole;
	int r = RC_OK;

	mail_addrlist_init(&list, value);
	buf_init(&whole, 2 * MAIL_ADDRESS_MAX);
	while (r == RC_OK && mail_addrlist_next(&list, &addr)) {
		if (addr.kind != MAIL_ADDR_MAILBOX)
			continue;
		buf_reset(&whole);
		buf_addsv(&whole, addr.local);
		buf_addc(&whole, '@');
		buf_addsv(&whole, addr.domain);
		if (addr.broken || addr.domain.n == 0)
			r = err_set(err, RC_SYNTAX,
			    "the %s field has no usable address", field);
		else if (!buf_ok(&whole) ||
			 !a->may_send(a->arg, buf_sv(&whole)))
			r = err_set(err, RC_DENIED,
			    "this account may not write as %.80s (%s)", whole.p,
			    field);
		(*count)++;
	}
	buf_fini(&whole);
	mail_addrlist_fini(&list);
	return r;
}

struct seen {
	unsigned from, sender, date, message_id;
	unsigned from_addresses, sender_addresses;
};

static int
check_field(const struct mail_field *f, const struct smtp_submit_args *a,
    struct seen *seen, struct err *err)
{
	if (sv_ieq(f->name, SV("From"))) {
		seen->from++;
		return check_addresses(
		    f->value, "From", a, &seen->from_addresses, err);
	}
	if (sv_ieq(f->name, SV("Sender"))) {
		seen->sender++;
		return check_addresses(
		    f->value, "Sender", a, &seen->sender_addresses, err);
	}
	seen->date += sv_ieq(f->name, SV("Date"));
	seen->message_id += sv_ieq(f->name, SV("Message-ID"));
	return RC_OK;
}

/* Fields that do not leave the house: Bcc names people that the others are
 * not to see, Return-Path is the last server's [RFC 5322 3.6.3, 5321 4.4]. */
static bool
is_dropped(struct sv name)
{
	return sv_ieq(name, SV("Bcc")) || sv_ieq(name, SV("Resent-Bcc")) ||
	       sv_ieq(name, SV("Return-Path"));
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
 * what is no field at all was found to be text before. */
static int
copy_fields(struct sv header, const struct smtp_submit_args *a,
    struct seen *seen, struct buf *out, struct err *err)
{
	struct sv at = header;
	struct mail_field field;
	int r = RC_OK;

	while (r == RC_OK && mail_field_next(&header, &field)) {
		r = check_field(&field, a, seen, err);
		if (!is_dropped(field.name))
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
	struct seen seen = {0};
	int r;

	/* The first line of an mbox file is no text either; the name is that
	 * under which Postfix keeps it. */
	if (f->scan.mbox > 0) {
		buf_adds(out, "X-Mailbox-Line: ");
		buf_addsv(out, sv_first(header, f->scan.mbox));
	}
	r = copy_fields(sv_skip(header, f->scan.mbox), a, &seen, out, err);
	if (r != RC_OK)
		return r;
	if (seen.from != 1 || seen.from_addresses == 0)
		return err_set(err, RC_SYNTAX,
		    "the message needs exactly one "
		    "From field with an address");
	if (header.n > 0 && header.p[header.n - 1] != '\n')
		buf_adds(out, "\r\n");
	add_missing(&seen, a, out);
	buf_adds(out, "\r\n");
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
