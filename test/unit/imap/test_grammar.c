#include "test/unit/unit.h"

#include <stdlib.h>

#include "imap/parse/fetch.h"
#include "imap/parse/list.h"
#include "imap/parse/parse.h"
#include "imap/parse/search.h"
#include "imap/parse/select.h"

static const struct imap_limits lim = {.line = 1000,
    .literal = 1000,
    .command = 2000,
    .depth = 4,
    .elements = 20,
    .patterns = 3};

typedef int (*reader)(struct imap_in *in, struct buf *out);

/* ---- each production, written down in a form to compare ---- */

static int
read_tag(struct imap_in *in, struct buf *out)
{
	struct sv s = SV("");
	int r = imap_tag(in, &s);

	buf_addsv(out, s);
	return r;
}

static int
read_astring(struct imap_in *in, struct buf *out)
{
	struct sv s = SV("");
	int r = imap_astring(in, &s);

	buf_addsv(out, s);
	return r;
}

static int
read_nstring(struct imap_in *in, struct buf *out)
{
	struct sv s = SV("");
	bool nil = false;
	int r = imap_nstring(in, &s, &nil);

	buf_addsv(out, s);
	buf_adds(out, nil ? "<nil>" : "");
	return r;
}

static int
read_list_mailbox(struct imap_in *in, struct buf *out)
{
	struct sv s = SV("");
	int r = imap_list_mailbox(in, &s);

	buf_addsv(out, s);
	return r;
}

static int
read_mailbox(struct imap_in *in, struct buf *out)
{
	struct sv s = SV("");
	int r = imap_mailbox(in, &s);

	buf_addsv(out, s);
	return r;
}

static int
read_mailbox_utf8(struct imap_in *in, struct buf *out)
{
	in->utf8 = true;
	return read_mailbox(in, out);
}

static int
read_list(struct imap_in *in, struct buf *out)
{
	struct imap_list l;
	int r = imap_list_args(in, &l);
	size_t i;

	if (r != RC_OK)
		return r;
	buf_addf(out, "%s %x %x %x <%.*s>", l.extended ? "ext" : "basic",
	    l.select, l.ret, l.status, SV_ARG(l.reference));
	for (i = 0; i < l.npattern; i++)
		buf_addf(out, " <%.*s>", SV_ARG(l.pattern[i]));
	return r;
}

static void
put_set(struct buf *out, const struct imap_set *s)
{
	size_t i;

	if (s->saved)
		buf_addc(out, '$');
	for (i = 0; i < s->n; i++)
		buf_addf(
		    out, "%s%u:%u", i > 0 ? "," : "", s->r[i].lo, s->r[i].hi);
}

static int
read_set(struct imap_in *in, struct buf *out)
{
	struct imap_set s = {0};
	int r = imap_sequence_set(in, &s);

	put_set(out, &s);
	return r;
}

static void
put_flags(struct buf *out, const struct imap_flags *f)
{
	size_t i;

	buf_addf(out, "%02x", f->system);
	for (i = 0; i < f->nkeyword; i++) {
		buf_addc(out, ' ');
		buf_addsv(out, f->keyword[i]);
	}
}

static int
read_flag_list(struct imap_in *in, struct buf *out)
{
	struct imap_flags f = {0};
	int r = imap_flag_list(in, &f);

	if (r == RC_OK)
		put_flags(out, &f);
	return r;
}

static int
read_store(struct imap_in *in, struct buf *out)
{
	struct imap_store_att a = {0};
	int r = imap_store_att_flags(in, &a);

	if (r != RC_OK)
		return r;
	if (a.conditional)
		buf_addf(out, "<%llu ", (unsigned long long)a.unchanged_since);
	buf_addf(out, "%c%s ", "=+-"[a.op], a.silent ? " silent" : "");
	put_flags(out, &a.flags);
	return r;
}

static int
read_date(struct imap_in *in, struct buf *out)
{
	int64_t d = 0;
	int r = imap_date(in, &d);

	if (r == RC_OK)
		buf_addf(out, "%lld", (long long)d);
	return r;
}

static int
read_date_time(struct imap_in *in, struct buf *out)
{
	struct imap_date_time d = {0, 0};
	int r = imap_date_time(in, &d);

	if (r == RC_OK) {
		buf_addf(out, "%lld %d ", (long long)d.secs, d.zone);
		imap_put_date_time(out, d.secs, d.zone);
	}
	return r;
}

static int
read_status(struct imap_in *in, struct buf *out)
{
	unsigned bits = 0;
	int r = imap_status_atts(in, &bits);

	if (r == RC_OK)
		buf_addf(out, "%02x", bits);
	return r;
}

static int
read_fetch(struct imap_in *in, struct buf *out)
{
	struct imap_fetch f = {0};
	int r = imap_fetch_atts(in, &f);
	size_t i;

	if (r == RC_OK)
		r = imap_fetch_modifiers(in, &f);
	if (r != RC_OK)
		return r;
	buf_addf(out, "%02x%s", f.items, f.sets_seen ? " seen" : "");
	for (i = 0; i < f.nsection; i++) {
		buf_addc(out, ' ');
		imap_put_section(out, &f.section[i]);
		if (f.section[i].partial)
			buf_addf(out, "(%llu)",
			    (unsigned long long)f.section[i].count);
		buf_adds(out, f.section[i].peek ? "p" : "");
	}
	if (f.changed_since)
		buf_addf(out, " >%llu%s", (unsigned long long)f.since,
		    f.vanished ? " vanished" : "");
	return r;
}

static void
put_key(struct buf *out, const struct imap_search_key *k)
{
	static const char *const name[] = {"all", "and", "or", "not", "seq",
	    "uid", "flag", "none", "keyword", "larger", "smaller", "modseq",
	    "emailid", "threadid", "savedbefore", "savedon", "savedsince",
	    "before", "on", "since", "sentbefore", "senton", "sentsince",
	    "subject", "from", "to", "cc", "bcc", "header", "body", "text"};
	const struct imap_search_key *c;

	buf_addf(out, "(%s", name[k->type]);
	if (k->set.n > 0 || k->set.saved) {
		buf_addc(out, ' ');
		put_set(out, &k->set);
	}
	if (k->number != 0)
		buf_addf(out, " %llu", (unsigned long long)k->number);
	if (k->days != 0)
		buf_addf(out, " %lld", (long long)k->days);
	if (k->field.n > 0)
		buf_addf(out, " %.*s", SV_ARG(k->field));
	if (k->text.n > 0)
		buf_addf(out, " %.*s", SV_ARG(k->text));
	for (c = k->child; c != NULL; c = c->next)
		put_key(out, c);
	buf_addc(out, ')');
}

static int
read_search(struct imap_in *in, struct buf *out)
{
	struct imap_search s;
	int r = imap_search_program(in, &s);

	if (r != RC_OK)
		return r;
	if (s.esearch)
		buf_addf(out, "return %x ", s.result);
	if (s.charset.n > 0)
		buf_addf(out, "charset %.*s ", SV_ARG(s.charset));
	if (s.modseq || s.seqnos)
		buf_addf(
		    out, "%s%s ", s.modseq ? "M" : "", s.seqnos ? "N" : "");
	put_key(out, s.key);
	return r;
}

static int
read_select(struct imap_in *in, struct buf *out)
{
	struct imap_select s;
	int r = imap_select_params(in, &s);

	if (r != RC_OK)
		return r;
	buf_adds(out, s.condstore ? "condstore" : "-");
	if (!s.qresync)
		return r;
	buf_addf(out, " qresync %u %llu", s.uidvalidity,
	    (unsigned long long)s.modseq);
	if (s.some) {
		buf_adds(out, " known ");
		put_set(out, &s.known);
	}
	if (s.seqno.n > 0) {
		buf_adds(out, " match ");
		put_set(out, &s.seqno);
		buf_addc(out, ' ');
		put_set(out, &s.uid);
	}
	return r;
}

static const struct {
	reader read;
	const char *name, *in, *want; /* want NULL: refused */
} rows[] = {
    {read_tag, "tag", "A001", "A001"},
    {read_tag, "tag with ]", "a]", "a]"},
    {read_tag, "tag: no plus", "+", NULL},
    {read_tag, "tag: empty", "", NULL},
    {read_tag, "tag: 8 bit", "\xc3\xa4", NULL},
    {read_astring, "atom", "abc", "abc"},
    {read_astring, "astring with ]", "a]b", "a]b"},
    {read_astring, "quoted", "\"a b\"", "a b"},
    {read_astring, "quoted empty", "\"\"", ""},
    {read_astring, "quoted escapes", "\"a\\\"b\\\\c\"", "a\"b\\c"},
    {read_astring, "quoted 8 bit", "\"\xc3\xa4\"", "\xc3\xa4"},
    {read_astring, "quoted: bad escape", "\"a\\b\"", NULL},
    {read_astring, "quoted: open", "\"ab", NULL},
    {read_astring, "quoted: open at an escape", "\"ab\\", NULL},
    {read_astring, "quoted: CR", "\"a\rb\"", NULL},
    {read_astring, "literal", "{3}\r\na\r\n", "a\r\n"},
    {read_astring, "literal, LF", "{3}\nabc", "abc"},
    {read_astring, "literal+", "{3+}\r\nabc", "abc"},
    {read_astring, "literal-", "{3-}\r\nabc", "abc"},
    {read_astring, "literal empty", "{0}\r\n", ""},
    {read_astring, "literal: short", "{4}\r\nabc", NULL},
    {read_astring, "literal: no line end", "{3}abc", NULL},
    {read_astring, "astring: none", " ", NULL},
    {read_astring, "astring: list", "(", NULL},
    {read_nstring, "NIL", "nil", "<nil>"},
    {read_nstring, "quoted NIL", "\"NIL\"", "NIL"},
    {read_nstring, "nstring: atom", "abc", NULL},
    {read_nstring, "nstring: NILS", "NILS", NULL},
    {read_list_mailbox, "wildcards", "a/%/*", "a/%/*"},
    {read_list_mailbox, "quoted pattern", "\"a %\"", "a %"},
    {read_list_mailbox, "pattern: none", "(", NULL},
    {read_mailbox, "INBOX", "iNbOx", "INBOX"},
    {read_mailbox, "INBOX quoted", "\"inbox\"", "INBOX"},
    {read_mailbox, "not INBOX", "inbox/x", "inbox/x"},
    {read_mailbox, "UTF-7", "Entw&APw-rfe", "Entw\xc3\xbcrfe"},
    {read_mailbox, "UTF-7: bad", "Entw&APw", NULL},
    {read_mailbox, "UTF-8 is not a name", "\"\xc3\xa4\"", NULL},
    {read_mailbox_utf8, "rev2: INBOX", "inbox", "INBOX"},
    {read_mailbox_utf8, "rev2: UTF-8", "\"\xc3\xa4\"", "\xc3\xa4"},
    {read_mailbox_utf8, "rev2: literal", "{2}\r\n\xc3\xa4", "\xc3\xa4"},
    {read_mailbox_utf8, "rev2: ampersand", "R&D", "R&D"},
    {read_mailbox_utf8, "rev2: no UTF-7", "&AOk-", "&AOk-"},
    {read_mailbox_utf8, "rev2: no UTF-8", "\"\xc3\"", NULL},
    {read_mailbox_utf8, "rev2: 8 bit in an atom", "\xc3\xa4", NULL},
    {read_list, "list", "\"\" *", "basic 0 0 0 <> <*>"},
    {read_list, "list: reference", "Work/ \"a %\"",
	"basic 0 0 0 <Work/> <a %>"},
    {read_list, "list: no options", "() \"\" %", "ext 0 0 0 <> <%>"},
    {read_list, "list: patterns", "\"\" (INBOX {1}\r\nb \"c\")",
	"ext 0 0 0 <> <INBOX> <b> <c>"},
    {read_list, "list: select",
	"(SUBSCRIBED remote RecursiveMatch SPECIAL-USE) \"\" *",
	"ext f 0 0 <> <*>"},
    {read_list, "list: option twice", "(SUBSCRIBED SUBSCRIBED) \"\" *",
	"ext 1 0 0 <> <*>"},
    {read_list, "list: return",
	"\"\" * RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES SIZE) "
	"SPECIAL-USE)",
	"ext 0 39 21 <> <*>"},
    {read_list, "list: return nothing", "\"\" * return ()", "ext 0 0 0 <> <*>"},
    {read_list, "list: RECURSIVEMATCH alone", "(RECURSIVEMATCH) \"\" *", NULL},
    {read_list, "list: RECURSIVEMATCH and independent ones",
	"(REMOTE RECURSIVEMATCH SPECIAL-USE) \"\" *", NULL},
    {read_list, "list: unknown selection", "(CHILDREN) \"\" *", NULL},
    {read_list, "list: unknown return", "\"\" * RETURN (REMOTE)", NULL},
    {read_list, "list: option without end", "(SUBSCRIBED \"\" *", NULL},
    {read_list, "list: trailing space in options", "(REMOTE ) \"\" *", NULL},
    {read_list, "list: no pattern", "\"\" ()", NULL},
    {read_list, "list: one pattern too many", "\"\" (a b c d)", NULL},
    {read_list, "list: open patterns", "\"\" (a", NULL},
    {read_list, "list: two patterns without parentheses", "\"\" a b", NULL},
    {read_list, "list: RETURN without a list", "\"\" a RETURN", NULL},
    {read_list, "list: STATUS without items", "\"\" a RETURN (STATUS)", NULL},
    {read_list, "list: STATUS of nothing", "\"\" a RETURN (STATUS ())", NULL},
    {read_list, "list: more behind", "\"\" a RETURN () x", NULL},
    {read_set, "number", "1", "1:1"},
    {read_set, "star", "*", "0:0"},
    {read_set, "ranges", "2,4:7,9,12:*", "2:2,4:7,9:9,12:0"},
    {read_set, "range backwards", "7:4,*:2", "7:4,0:2"},
    {read_set, "largest", "4294967295", "4294967295:4294967295"},
    {read_set, "set: too large", "4294967296", NULL},
    {read_set, "saved", "$", "$"},
    {read_set, "set: saved and more", "$,1", NULL},
    {read_set, "set: more and saved", "1,$", NULL},
    {read_set, "set: range of saved", "$:*", NULL},
    {read_set, "set: saved is not a keyword", "$Junk", NULL},
    {read_set, "set: zero", "0", NULL},
    {read_set, "set: leading zero", "01", NULL},
    {read_set, "set: comma", "1,", NULL},
    {read_set, "set: colon", "1:", NULL},
    {read_set, "set: limit",
	"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,"
	"19,20",
	"1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,9:9,10:10,11:11,12:12,13:13,14:14,"
	"15:15,16:16,17:17,18:18,19:19,20:20"},
    {read_set, "set: limit plus one",
	"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21", NULL},
    {read_flag_list, "no flags", "()", "00"},
    {read_flag_list, "system flags",
	"(\\Seen \\ANSWERED \\flagged \\Deleted \\Draft)", "1f"},
    {read_flag_list, "keywords once", "(work $Junk WORK \\Seen)",
	"01 work $Junk"},
    {read_flag_list, "unknown ones are ignored", "(\\Recent \\Foo)", "00"},
    {read_flag_list, "flags: space", "( \\Seen)", NULL},
    {read_flag_list, "flags: open", "(\\Seen", NULL},
    {read_flag_list, "flags: star", "(\\*)", NULL},
    {read_store, "set", "FLAGS (\\Seen)", "= 01"},
    {read_store, "set to nothing", "FLAGS ()", "= 00"},
    {read_store, "add silently", "+flags.silent (\\Deleted)", "+ silent 08"},
    {read_store, "remove, no parentheses", "-FLAGS \\Seen x", "- 01 x"},
    {read_store, "conditional", "(UNCHANGEDSINCE 12) +FLAGS.silent (\\Seen)",
	"<12 + silent 01"},
    {read_store, "conditional on 0", "(unchangedsince 0) FLAGS ()", "<0 = 00"},
    {read_store, "store: no modifier", "() FLAGS ()", NULL},
    {read_store, "store: modifier without a value", "(UNCHANGEDSINCE) FLAGS ()",
	NULL},
    {read_store, "store: unknown modifier", "(CHANGEDSINCE 1) FLAGS ()", NULL},
    {read_store, "store: modifier twice",
	"(UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) FLAGS ()", NULL},
    {read_store, "store: no space", "(UNCHANGEDSINCE 1)FLAGS ()", NULL},
    {read_store, "store: no flags", "FLAGS ", NULL},
    {read_store, "store: word", "FLAG (\\Seen)", NULL},
    {read_date, "date", "1-Feb-1994", "8797"},
    {read_date, "date quoted", "\"01-jan-1970\"", "0"},
    {read_date, "before 1970", "31-Dec-1969", "-1"},
    {read_date, "leap day", "29-Feb-2000", "11016"},
    {read_date, "date: no leap day", "29-Feb-1900", NULL},
    {read_date, "date: 31 days", "31-Apr-2000", NULL},
    {read_date, "date: zero", "0-Jan-2000", NULL},
    {read_date, "date: year", "1-Jan-00", NULL},
    {read_date, "date: month", "1-Foo-2000", NULL},
    {read_date, "date: open quote", "\"1-Jan-2000", NULL},
    {read_date_time, "date-time", "\"17-Jul-1996 02:44:25 -0700\"",
	"837596665 -420 \"17-Jul-1996 02:44:25 -0700\""},
    {read_date_time, "one digit", "\" 1-Jan-1970 00:00:00 +0000\"",
	"0 0 \" 1-Jan-1970 00:00:00 +0000\""},
    {read_date_time, "half an hour", "\"01-Jan-1970 05:30:00 +0530\"",
	"0 330 \" 1-Jan-1970 05:30:00 +0530\""},
    {read_date_time, "date-time: hour", "\"17-Jul-1996 24:44:25 -0700\"", NULL},
    {read_date_time, "date-time: zone", "\"17-Jul-1996 02:44:25 0700\"", NULL},
    {read_date_time, "date-time: quote", "17-Jul-1996 02:44:25 -0700", NULL},
    {read_status, "status", "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE)",
	"3f"},
    {read_status, "status: what is new",
	"(HIGHESTMODSEQ MAILBOXID DELETED-STORAGE)", "700"},
    {read_status, "status: empty", "()", NULL},
    {read_status, "status: unknown", "(FOO)", NULL},
    {read_fetch, "FAST", "fast", "0e"},
    {read_fetch, "ALL", "ALL", "1e"},
    {read_fetch, "FULL", "FULL", "5e"},
    {read_fetch, "one item", "FLAGS", "02"},
    {read_fetch, "all items",
	"(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY)",
	"7f"},
    {read_fetch, "BODY[]", "BODY[]", "00 seen BODY[]"},
    {read_fetch, "BODY.PEEK[]", "body.peek[]", "00 BODY[]p"},
    {read_fetch, "partial", "BODY.PEEK[]<0.2048>", "00 BODY[]<0>(2048)p"},
    {read_fetch, "part", "BODY[1.2.3]", "00 seen BODY[1.2.3]"},
    {read_fetch, "part's MIME", "BODY.PEEK[4.1.MIME]", "00 BODY[4.1.MIME]p"},
    {read_fetch, "part's header", "BODY.PEEK[4.2.HEADER]",
	"00 BODY[4.2.HEADER]p"},
    {read_fetch, "text", "BODY[TEXT]", "00 seen BODY[TEXT]"},
    {read_fetch, "fields", "BODY.PEEK[HEADER.FIELDS (From \"To\")]",
	"00 BODY[HEADER.FIELDS (From To)]p"},
    {read_fetch, "other fields", "BODY[1.header.fields.not ({1}\r\na)]",
	"00 seen BODY[1.HEADER.FIELDS.NOT (a)]"},
    {read_fetch, "old names", "(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
	"08 seen RFC822 RFC822.HEADERp RFC822.TEXT"},
    {read_fetch, "partial of 63 bits", "BODY[]<4294967296.5000000000>",
	"00 seen BODY[]<4294967296>(5000000000)"},
    {read_fetch, "fetch: partial of 64 bits", "BODY[]<9223372036854775808.1>",
	NULL},
    {read_fetch, "BINARY", "BINARY[1.2]", "00 seen BINARY[1.2]"},
    {read_fetch, "BINARY of all", "BINARY[]", "00 seen BINARY[]"},
    {read_fetch, "BINARY.PEEK", "binary.peek[1]<2.3>", "00 BINARY[1]<2>(3)p"},
    {read_fetch, "BINARY.SIZE", "(BINARY.SIZE[3] UID)", "01 BINARY.SIZE[3]p"},
    {read_fetch, "identity and dates", "(MODSEQ EMAILID THREADID SAVEDATE)",
	"780"},
    {read_fetch, "CHANGEDSINCE", "FLAGS (CHANGEDSINCE 7)", "82 >7"},
    {read_fetch, "VANISHED", "(UID) (VANISHED changedsince 7)",
	"81 >7 vanished"},
    {read_fetch, "VANISHED behind", "FAST (CHANGEDSINCE 7 VANISHED)",
	"8e >7 vanished"},
    {read_fetch, "fetch: VANISHED alone", "FLAGS (VANISHED)", NULL},
    {read_fetch, "fetch: VANISHED twice",
	"FLAGS (VANISHED CHANGEDSINCE 1 VANISHED)", NULL},
    {read_fetch, "fetch: CHANGEDSINCE twice",
	"FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1)", NULL},
    {read_fetch, "fetch: CHANGEDSINCE of 64 bits",
	"FLAGS (CHANGEDSINCE 9223372036854775808)", NULL},
    {read_fetch, "fetch: no modifier", "FLAGS ()", NULL},
    {read_fetch, "fetch: open modifier", "FLAGS (CHANGEDSINCE 1", NULL},
    {read_fetch, "fetch: BINARY alone", "BINARY", NULL},
    {read_fetch, "fetch: BINARY of a header", "BINARY[1.MIME]", NULL},
    {read_fetch, "fetch: BINARY of text", "BINARY[TEXT]", NULL},
    {read_fetch, "fetch: BINARY dot at the end", "BINARY[1.]", NULL},
    {read_fetch, "fetch: BINARY.SIZE with a partial", "BINARY.SIZE[1]<0.1>",
	NULL},
    {read_fetch, "fetch: MIME of nothing", "BODY[MIME]", NULL},
    {read_fetch, "fetch: part zero", "BODY[0]", NULL},
    {read_fetch, "fetch: dot at the end", "BODY[1.]", NULL},
    {read_fetch, "fetch: no fields", "BODY[HEADER.FIELDS ()]", NULL},
    {read_fetch, "fetch: fields missing", "BODY[HEADER.FIELDS]", NULL},
    {read_fetch, "fetch: partial of 0", "BODY[]<0.0>", NULL},
    {read_fetch, "fetch: PEEK alone", "BODY.PEEK", NULL},
    {read_fetch, "fetch: unknown", "FOO", NULL},
    {read_fetch, "fetch: macro in a list", "(ALL)", NULL},
    {read_fetch, "fetch: empty list", "()", NULL},
    {read_search, "all", "ALL", "(and(all))"},
    {read_search, "flags", "SEEN UNSEEN deleted",
	"(and(flag 1)(not(flag 1))(flag 8))"},
    {read_search, "recent", "NEW OLD RECENT", "(and(none)(all)(none))"},
    {read_search, "keywords", "KEYWORD work UNKEYWORD x",
	"(and(keyword work)(not(keyword x)))"},
    {read_search, "strings", "FROM anna SUBJECT \"a b\" BODY {3}\r\nx y",
	"(and(from anna)(subject a b)(body x y))"},
    {read_search, "empty string", "SUBJECT \"\"", "(and(subject))"},
    {read_search, "header", "HEADER Message-ID <x>",
	"(and(header Message-ID <x>))"},
    {read_search, "sets", "1:5,* UID 7:*", "N (and(seq 1:5,0:0)(uid 7:0))"},
    {read_search, "star first", "*:2", "N (and(seq 0:2))"},
    {read_search, "sizes", "LARGER 10 SMALLER 20",
	"(and(larger 10)(smaller 20))"},
    {read_search, "sizes of 63 bits", "LARGER 9223372036854775807",
	"(and(larger 9223372036854775807))"},
    {read_search, "saved", "$ UID $", "(and(seq $)(uid $))"},
    {read_search, "saved or more", "OR $ 1,3000:3021",
	"N (and(or(seq $)(seq 1:1,3000:3021)))"},
    {read_search, "save", "RETURN (SAVE MIN) KEYWORD $Junk",
	"return 11 (and(keyword $Junk))"},
    {read_search, "search: saved and more", "$,1", NULL},
    {read_search, "modseq", "MODSEQ 0 MODSEQ 620162338",
	"M (and(modseq)(modseq 620162338))"},
    {read_search, "modseq of a flag",
	"OR NOT MODSEQ \"/flags/\\\\draft\" all 7 SEEN",
	"M (and(or(not(modseq 7))(flag 1)))"},
    {read_search, "search: modseq of no flag", "MODSEQ \"/flags/\" all 7",
	NULL},
    {read_search, "search: modseq of an atom", "MODSEQ /flags/x all 7", NULL},
    {read_search, "search: modseq without a type", "MODSEQ \"/flags/x\" 7",
	NULL},
    {read_search, "object identifiers", "EMAILID M_6-d THREADID T64",
	"(and(emailid M_6-d)(threadid T64))"},
    {read_search, "search: bad identifier", "EMAILID M$", NULL},
    {read_search, "save dates",
	"SAVEDBEFORE 1-Feb-1994 SAVEDON 1-Feb-1994 SAVEDSINCE 1-Feb-1994",
	"(and(savedbefore 8797)(savedon 8797)(savedsince 8797))"},
    {read_search, "SAVEDATESUPPORTED", "SAVEDATESUPPORTED", "(and(all))"},
    {read_select, "no parameters", "", "-"},
    {read_select, "CONDSTORE", " (condstore)", "condstore"},
    {read_select, "QRESYNC", " (QRESYNC (67890007 20050715194045000))",
	"- qresync 67890007 20050715194045000"},
    {read_select, "QRESYNC, some",
	" (QRESYNC (67890007 200 41,43:211,214:541) CONDSTORE)",
	"condstore qresync 67890007 200 known 41:41,43:211,214:541"},
    {read_select, "QRESYNC, some with pairs",
	" (QRESYNC (67890007 200 1:29997 (5000,7500:7501 15,22:23)))",
	"- qresync 67890007 200 known 1:29997 match 5000:5000,7500:7501 "
	"15:15,22:23"},
    {read_select, "QRESYNC, all with pairs", " (QRESYNC (1 2 (3 4)))",
	"- qresync 1 2 match 3:3 4:4"},
    {read_select, "select: nothing", " ()", NULL},
    {read_select, "select: unknown", " (FOO)", NULL},
    {read_select, "select: CONDSTORE twice", " (CONDSTORE CONDSTORE)", NULL},
    {read_select, "select: QRESYNC twice", " (QRESYNC (1 2) QRESYNC (1 2))",
	NULL},
    {read_select, "select: QRESYNC alone", " (QRESYNC)", NULL},
    {read_select, "select: no modseq", " (QRESYNC (1))", NULL},
    {read_select, "select: uidvalidity 0", " (QRESYNC (0 1))", NULL},
    {read_select, "select: star", " (QRESYNC (1 2 1:*))", NULL},
    {read_select, "select: saved", " (QRESYNC (1 2 $))", NULL},
    {read_select, "select: star in a pair", " (QRESYNC (1 2 (* 4)))", NULL},
    {read_select, "select: half a pair", " (QRESYNC (1 2 (3)))", NULL},
    {read_select, "select: no pair", " (QRESYNC (1 2 ()))", NULL},
    {read_select, "select: open", " (QRESYNC (1 2 (3 4))", NULL},
    {read_search, "dates", "SINCE 1-Feb-1994 SENTON \"1-Feb-1994\"",
	"(and(since 8797)(senton 8797))"},
    {read_search, "or", "OR SEEN NOT (FLAGGED DRAFT)",
	"(and(or(flag 1)(not(and(flag 4)(flag 16)))))"},
    {read_search, "charset", "CHARSET UTF-8 TEXT x",
	"charset UTF-8 (and(text x))"},
    {read_search, "return", "RETURN (MIN MAX COUNT) ALL",
	"return b (and(all))"},
    {read_search, "return nothing", "RETURN () ALL", "return 4 (and(all))"},
    {read_search, "return and charset", "RETURN (ALL) CHARSET x ALL",
	"return 4 charset x (and(all))"},
    {read_search, "depth", "NOT (NOT ALL)", "(and(not(and(not(all)))))"},
    {read_search, "search: depth plus one", "NOT (NOT (ALL))", NULL},
    {read_search, "search: empty", "", NULL},
    {read_search, "search: unknown", "FOO", NULL},
    {read_search, "search: empty list", "()", NULL},
    {read_search, "search: open list", "(ALL", NULL},
    {read_search, "search: OR of one", "OR ALL", NULL},
    {read_search, "search: no argument", "FROM", NULL},
    {read_search, "search: trailing space", "ALL ", NULL},
    {read_search, "search: return unknown", "RETURN (FOO) ALL", NULL},
};

/* Appends what was read and "!" if not all of it was. */
static int
read_row(int i, struct sv text, struct buf *out)
{
	struct arena arena;
	struct imap_in in;
	int r;

	arena_init(&arena);
	imap_in_init(&in, text, &lim, &arena);
	r = rows[i].read(&in, out);
	if (r == RC_OK && in.s.n > 0)
		buf_addc(out, '!');
	if (r == RC_SYNTAX)
		ck_assert_ptr_nonnull(in.why);
	arena_reset(&arena);
	return r;
}

START_TEST(imap_grammar__reads_what_the_abnf_says)
{
	struct buf out;
	int r;

	buf_init(&out, 4096);
	r = read_row(_i, sv_str(rows[_i].in), &out);
	if (rows[_i].want == NULL)
		ck_assert_msg(r != RC_OK || out.p[out.n - 1] == '!',
		    "%s: taken as %s", rows[_i].name, out.p);
	else
		ck_assert_msg(r == RC_OK && strcmp(out.p, rows[_i].want) == 0,
		    "%s: %s %s", rows[_i].name, rc_name(r), out.p);
	buf_fini(&out);
}
END_TEST

/* In memory of just that size, so that the sanitizer sees each step too far. */
START_TEST(imap_grammar__survives_truncation)
{
	struct sv whole = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n < whole.n; n++) {
		char *copy = malloc(n > 0 ? n : 1);
		struct buf out;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, whole.p, n);
		buf_init(&out, 4096);
		(void)read_row(_i, sv_of(copy, n), &out);
		buf_fini(&out);
		free(copy);
	}
}
END_TEST

START_TEST(imap_set__resolves_star_and_disorder)
{
	static const struct {
		const char *in;
		uint32_t star;
		const char *want;
	} row[] = {
	    {"2,4:7,9,12:*", 15, "2,4:7,9,12:15"},
	    {"*:4,5:7", 10, "4:10"},
	    {"3291:*", 17, "17:3291"},
	    {"9,7,5,3,1", 9, "1,3,5,7,9"},
	    {"*", 4294967295u, "4294967295"},
	    {"1:*", 4294967295u, "1:4294967295"},
	};
	size_t i;

	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct rangeset s = RANGESET_EMPTY;
		struct arena arena;
		struct imap_set set;
		struct imap_in in;
		struct buf out;

		arena_init(&arena);
		buf_init(&out, 1000);
		imap_in_init(&in, sv_str(row[i].in), &lim, &arena);
		ck_assert_int_eq(imap_sequence_set(&in, &set), RC_OK);
		imap_set_resolve(&set, row[i].star, &s);
		rangeset_print(&s, &out);
		ck_assert_str_eq(out.p, row[i].want);
		rangeset_fini(&s);
		buf_fini(&out);
		arena_reset(&arena);
	}
}
END_TEST

START_TEST(imap_put_astring__picks_the_plainest_form)
{
	static const struct {
		struct sv in;
		const char *want;
	} row[] = {
	    {{"abc", 3}, "abc"},
	    {{"", 0}, "\"\""},
	    {{"a b", 3}, "\"a b\""},
	    {{"NIL", 3}, "\"NIL\""},
	    {{"a\"\\", 3}, "\"a\\\"\\\\\""},
	    {{"a\r\nb", 4}, "{4}\r\na\r\nb"},
	    {{"\xc3\xa4", 2}, "{2}\r\n\xc3\xa4"},
	};
	struct buf out;
	size_t i;

	buf_init(&out, 100);
	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		buf_reset(&out);
		imap_put_astring(&out, row[i].in);
		ck_assert_str_eq(out.p, row[i].want);
	}
	buf_fini(&out);
}
END_TEST

START_TEST(imap_put_mailbox__writes_utf7_or_utf8)
{
	static const struct {
		const char *name, *utf7, *utf8;
	} row[] = {
	    {"INBOX", "INBOX", "INBOX"},
	    {"NIL", "\"NIL\"", "\"NIL\""},
	    {"R&D", "R&-D", "R&D"},
	    {"a b", "\"a b\"", "\"a b\""},
	    {"\xc3\xa4", "&AOQ-", "\"\xc3\xa4\""},
	    {"\xc3\xa4\"", "\"&AOQ-\\\"\"", "\"\xc3\xa4\\\"\""},
	    {"\xc3\xa4\n", "&AOQACg-", "{3}\r\n\xc3\xa4\n"},
	    {"\xff", "&,,0-", "{1}\r\n\xff"},
	};
	struct buf out;
	size_t i;

	buf_init(&out, 100);
	for (i = 0; i < sizeof row / sizeof row[0]; i++) {
		buf_reset(&out);
		imap_put_mailbox(&out, sv_str(row[i].name), false);
		ck_assert_str_eq(out.p, row[i].utf7);
		buf_reset(&out);
		imap_put_mailbox(&out, sv_str(row[i].name), true);
		ck_assert_str_eq(out.p, row[i].utf8);
	}
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(imap_grammar)
{
	TCase *tc = tcase_create("grammar");
	int n = sizeof rows / sizeof rows[0];

	tcase_add_loop_test(tc, imap_grammar__reads_what_the_abnf_says, 0, n);
	tcase_add_loop_test(tc, imap_grammar__survives_truncation, 0, n);
	tcase_add_test(tc, imap_set__resolves_star_and_disorder);
	tcase_add_test(tc, imap_put_astring__picks_the_plainest_form);
	tcase_add_test(tc, imap_put_mailbox__writes_utf7_or_utf8);
	return tc;
}
