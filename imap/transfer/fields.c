#include "imap/transfer/fields.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/client/response.h"
#include "imap/transfer/usual.h"
#include "imap/parse/parse.h"
#include "mail/date.h"
#include "mime/mime.h"

#define FLAGS_MAX   (512u * 1024)
#define PLACE_MAX   4096
#define LABELS_MAX  (64u * 1024)
#define KEYWORD_MAX 200

#define MOZILLA_READ	    0x0001u
#define MOZILLA_REPLIED	    0x0002u
#define MOZILLA_MARKED	    0x0004u
#define MOZILLA_EXPUNGED    0x0008u
#define MOZILLA_FORWARDED   0x1000u
#define MOZILLA_DELETED	    0x00200000u /* in Status2: on the server */
#define MOZILLA_LABEL_SHIFT 25		/* in Status2: a number of three bits */

void
fields_init(struct fields *f)
{
	*f = (struct fields){.use = 0};
	buf_init(&f->flags, FLAGS_MAX);
	buf_init(&f->place, PLACE_MAX);
}

void
fields_fini(struct fields *f)
{
	buf_fini(&f->flags);
	buf_fini(&f->place);
}

void
fields_reset(struct fields *f)
{
	struct buf flags = f->flags, place = f->place;

	buf_reset(&flags);
	buf_reset(&place);
	*f = (struct fields){.flags = flags, .place = place};
}

/* ---- flags ---- */

static bool
has_flag(const struct fields *f, struct sv flag)
{
	struct sv all = buf_sv(&f->flags);

	while (all.n > 0)
		if (sv_ieq(sv_split(&all, ' '), flag))
			return true;
	return false;
}

void
fields_add_flag(struct fields *f, struct sv flag)
{
	if (has_flag(f, flag))
		return;
	if (f->flags.n > 0)
		buf_addc(&f->flags, ' ');
	buf_addsv(&f->flags, flag);
}

static void
take_letters(struct fields *f, struct sv value)
{
	static const struct {
		char letter;
		struct sv flag;
	} letters[] = {
	    {'R', {"\\Seen", 5}},
	    {'A', {"\\Answered", 9}},
	    {'F', {"\\Flagged", 8}},
	    {'T', {"\\Draft", 6}},
	    {'D', {"\\Deleted", 8}},
	};
	size_t i, j;

	for (i = 0; i < value.n; i++)
		for (j = 0; j < sizeof letters / sizeof letters[0]; j++)
			if (value.p[i] == letters[j].letter)
				fields_add_flag(f, letters[j].flag);
}

static void
take_keywords(struct fields *f, struct sv value)
{
	while (value.n > 0) {
		struct sv word = sv_trim(sv_split(&value, ' '));
		size_t i = 0;

		while (i < word.n && imap_is_atom_char(word.p[i]))
			i++;
		/* Enough for what a mailbox can hold; and no more than it
		 * takes to look each up among the others. */
		if (i == word.n && i > 0 && i <= KEYWORD_MAX &&
		    f->flags.n < 16384)
			fields_add_flag(f, word);
	}
}

/* At most eight digits; false: something else. */
static bool
read_hex(struct sv s, uint32_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < s.n; i++) {
		if (ascii_hex(s.p[i]) < 0 || i == 8)
			return false;
		*out = *out << 4 | (uint32_t)ascii_hex(s.p[i]);
	}
	return s.n > 0;
}

static void
take_mozilla(struct fields *f, struct sv value, bool second)
{
	static const struct sv labels[] = {{"$label1", 7}, {"$label2", 7},
	    {"$label3", 7}, {"$label4", 7}, {"$label5", 7}};
	uint32_t v, label;

	if (!read_hex(value, &v))
		return;
	/* The low half means the same in both. */
	if ((v & MOZILLA_READ) != 0)
		fields_add_flag(f, SV("\\Seen"));
	if ((v & MOZILLA_REPLIED) != 0)
		fields_add_flag(f, SV("\\Answered"));
	if ((v & MOZILLA_MARKED) != 0)
		fields_add_flag(f, SV("\\Flagged"));
	if ((v & MOZILLA_FORWARDED) != 0)
		fields_add_flag(f, SV("$Forwarded"));
	if ((v & MOZILLA_EXPUNGED) != 0)
		f->expunged = true;
	if (second && (v & MOZILLA_DELETED) != 0)
		fields_add_flag(f, SV("\\Deleted"));
	/* What was a tag when there were five of them. */
	label = second ? v >> MOZILLA_LABEL_SHIFT & 7 : 0;
	if (label > 0 && label <= sizeof labels / sizeof labels[0])
		fields_add_flag(f, labels[label - 1]);
}

/* "0000001a-0013": a number, and Camel's flags in hex. */
static void
take_evolution(struct fields *f, struct sv value)
{
	uint32_t v;

	value = sv_first(value, sv_chr(value, ';'));
	value = sv_skip(value, sv_chr(value, '-') + 1);
	if (!read_hex(value, &v))
		return;
	if ((v & 0x01) != 0)
		fields_add_flag(f, SV("\\Answered"));
	if ((v & 0x02) != 0)
		fields_add_flag(f, SV("\\Deleted"));
	if ((v & 0x04) != 0)
		fields_add_flag(f, SV("\\Draft"));
	if ((v & 0x08) != 0)
		fields_add_flag(f, SV("\\Flagged"));
	if ((v & 0x10) != 0)
		fields_add_flag(f, SV("\\Seen"));
}

/* ---- labels ---- */

struct labels {
	bool unread, starred, inbox, archived;
	unsigned uses;
	struct sv use[7]; /* the labels of those uses, in the order of bits */
	struct sv own;
};

static bool
is_place(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]) ||
		    (s.p[i] == '/' &&
			(i == 0 || s.p[i - 1] == '/' || i + 1 == s.n)))
			return false;
	return s.n > 0 && s.n < 1000 && utf8_valid(s);
}

static void
sort_label(struct labels *l, struct sv label)
{
	unsigned use;

	switch (usual_label(label)) {
	case LABEL_UNREAD:
		l->unread = true;
		break;
	case LABEL_STARRED:
		l->starred = true;
		break;
	case LABEL_INBOX:
		l->inbox = true;
		break;
	case LABEL_ARCHIVED:
		l->archived = true;
		break;
	case LABEL_USE:
		use = usual_use(label);
		l->uses |= use;
		break;
	case LABEL_OWN:
		if (l->own.n == 0 && is_place(label))
			l->own = label;
		break;
	case LABEL_READ:
	case LABEL_OTHER:
		break;
	}
}

/* One folder for each message: where one would look for it first. */
static void
choose_place(struct fields *f, const struct labels *l)
{
	static const struct {
		unsigned use;
		const char *name;
	} first[] = {{IMAP_LIST_TRASH, "Trash"}, {IMAP_LIST_JUNK, "Spam"},
	    {IMAP_LIST_DRAFTS, "Drafts"}, {0, "INBOX"},
	    {IMAP_LIST_SENT, "Sent"}};
	size_t i;

	for (i = 0; i < sizeof first / sizeof first[0]; i++)
		if (first[i].use != 0 ? (l->uses & first[i].use) != 0
				      : l->inbox) {
			f->use = first[i].use;
			buf_adds(&f->place, first[i].name);
			return;
		}
	if (l->own.n > 0) {
		buf_addsv(&f->place, l->own);
		return;
	}
	f->use = IMAP_LIST_ARCHIVE;
	buf_adds(&f->place, "Archive");
}

/* "Inbox,Unread,\"a, b\"", in encoded words where they are not ASCII. */
static void
take_labels(struct fields *f, struct sv value)
{
	struct labels l = {.unread = false};
	struct buf text;
	struct sv rest;

	buf_init(&text, LABELS_MAX);
	mime_decode_header(value, &text);
	rest = sv_trim(buf_sv(&text));
	while (rest.n > 0) {
		struct sv label;

		if (rest.p[0] == '"') {
			rest = sv_skip(rest, 1);
			label = sv_split(&rest, '"');
			(void)sv_split(&rest, ',');
		} else {
			label = sv_split(&rest, ',');
		}
		rest = sv_trim(rest);
		sort_label(&l, sv_trim(label));
	}
	f->labels = true;
	if (!l.unread)
		fields_add_flag(f, SV("\\Seen"));
	if (l.starred)
		fields_add_flag(f, SV("\\Flagged"));
	if ((l.uses & IMAP_LIST_DRAFTS) != 0)
		fields_add_flag(f, SV("\\Draft"));
	if (f->place.n == 0)
		choose_place(f, &l);
	buf_fini(&text);
}

/* ---- dates ---- */

static void
take_date(struct fields *f, struct sv value, bool received)
{
	int64_t date;
	int32_t zone;

	if (received)
		value = sv_skip(value, sv_rchr(value, ';') + 1);
	/* When it came is better than when it was written. */
	if ((f->date != 0 && !(received && !f->seen_date)) ||
	    mail_date_parse(value, &date, &zone) != RC_OK)
		return;
	f->seen_date = received;
	f->date = date;
	f->zone = zone;
}

/* ---- fields ---- */

enum field {
	FIELD_OTHER,
	FIELD_STATUS,
	FIELD_KEYWORDS,
	FIELD_MOZILLA,
	FIELD_MOZILLA_2,
	FIELD_MOZILLA_KEYS,
	FIELD_LABELS,
	FIELD_EVOLUTION,
	FIELD_OF_FILE,
	FIELD_INTERNAL,
	FIELD_DATE,
	FIELD_RECEIVED
};

static const struct {
	struct sv name;
	enum field field;
	bool in_file; /* in a file of one message, too */
} names[] = {
    {{"Status", 6}, FIELD_STATUS, false},
    {{"X-Status", 8}, FIELD_STATUS, false},
    {{"X-Keywords", 10}, FIELD_KEYWORDS, false},
    {{"X-Mozilla-Status", 16}, FIELD_MOZILLA, true},
    {{"X-Mozilla-Status2", 17}, FIELD_MOZILLA_2, true},
    {{"X-Mozilla-Keys", 14}, FIELD_MOZILLA_KEYS, true},
    {{"X-Mozilla-Tags", 14}, FIELD_MOZILLA_KEYS, true},
    {{"X-Gmail-Labels", 14}, FIELD_LABELS, true},
    {{"X-GM-THRID", 10}, FIELD_OF_FILE, true},
    {{"X-Evolution", 11}, FIELD_EVOLUTION, false},
    {{"X-UID", 5}, FIELD_OF_FILE, false},
    {{"X-UIDL", 6}, FIELD_OF_FILE, true},
    {{"X-Account-Key", 13}, FIELD_OF_FILE, true},
    {{"X-IMAPbase", 10}, FIELD_OF_FILE, false},
    {{"Content-Length", 14}, FIELD_OF_FILE, false},
    {{"X-IMAP", 6}, FIELD_INTERNAL, false},
    {{"Date", 4}, FIELD_DATE, true},
    {{"Received", 8}, FIELD_RECEIVED, true},
};

static struct sv
name_of(struct sv field)
{
	size_t n = sv_chr(field, ':');

	return n < field.n ? sv_trim(sv_first(field, n)) : SV("");
}

static enum field
field_of(struct sv field, enum fields_where where)
{
	struct sv name = name_of(field);
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (sv_ieq(name, names[i].name) &&
		    (where == FIELDS_MBOX || names[i].in_file))
			return names[i].field;
	return FIELD_OTHER;
}

bool
fields_take(struct fields *f, enum fields_where where, struct sv field)
{
	struct sv value = sv_trim(sv_skip(field, sv_chr(field, ':') + 1));

	switch (field_of(field, where)) {
	case FIELD_STATUS:
		take_letters(f, value);
		return true;
	case FIELD_KEYWORDS:
	case FIELD_MOZILLA_KEYS:
		take_keywords(f, value);
		return true;
	case FIELD_MOZILLA:
		take_mozilla(f, value, false);
		return true;
	case FIELD_MOZILLA_2:
		take_mozilla(f, value, true);
		return true;
	case FIELD_LABELS:
		take_labels(f, value);
		return true;
	case FIELD_EVOLUTION:
		take_evolution(f, value);
		return true;
	case FIELD_OF_FILE:
		return true;
	case FIELD_INTERNAL:
		f->internal = true;
		return true;
	case FIELD_DATE:
	case FIELD_RECEIVED:
		take_date(f, value, sv_ieq(name_of(field), SV("Received")));
		return false;
	case FIELD_OTHER:
		break;
	}
	return false;
}

struct sv
fields_next(struct sv *header)
{
	struct sv s = *header;
	size_t n = 0;

	do
		n += sv_chr(sv_skip(s, n), '\n') + 1;
	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'));
	*header = sv_skip(s, n);
	return sv_first(s, n);
}

void
fields_filter(struct fields *f, enum fields_where where, struct sv header,
    struct buf *out)
{
	while (header.n > 0) {
		struct sv field = fields_next(&header);

		if (!fields_take(f, where, field))
			buf_addsv(out, field);
	}
}

/* ---- what looks like one ---- */

bool
fields_is_field(struct sv line)
{
	size_t i = 0;

	while (i < line.n && ascii_is_graph(line.p[i]) && line.p[i] != ':')
		i++;
	if (i == 0 || i > 200)
		return false;
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i < line.n && line.p[i] == ':';
}

bool
fields_is_known(struct sv line)
{
	static const char *const known[] = {"From", "To", "Cc", "Bcc",
	    "Subject", "Date", "Received", "Return-Path", "Message-ID",
	    "MIME-Version", "Delivered-To", "Status", "Reply-To", "Sender",
	    "In-Reply-To", "References", "User-Agent", "Envelope-To",
	    "Delivery-Date", "Importance", "Priority", "Organization",
	    "Organisation", "Precedence", "Errors-To", "Comments", "Keywords",
	    "Authentication-Results", "Received-SPF", "Autocrypt",
	    "Auto-Submitted", "Newsgroups", "Path", "Lines", "FCC", "BCC",
	    "DKIM-Signature", "DomainKey-Signature", "Mailing-List",
	    "Disposition-Notification-To", "Return-Receipt-To", "Encoding",
	    "Apparently-To", "Old-Return-Path", "Feedback-ID", "Sensitivity",
	    "Expires", "Accept-Language", "Message-Context", "Face"};
	static const char *const begin[] = {"X-", "Content-", "List-",
	    "Resent-", "ARC-", "Thread-", "Original-", "Mail-", "DKIM-",
	    "Authentication-", "Delivered-", "Envelope-", "Archived-",
	    "Disposition-", "Received-", "Auto", "SpamD", "Spam"};
	struct sv name;
	size_t i;

	if (!fields_is_field(line))
		return false;
	name = name_of(line);
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_ieq(name, sv_str(known[i])))
			return true;
	for (i = 0; i < sizeof begin / sizeof begin[0]; i++)
		if (sv_istarts(name, sv_str(begin[i])))
			return true;
	return false;
}
