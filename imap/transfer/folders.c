#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/transfer/message.h"
#include "imap/transfer/source.h"

#define MAP_MAX	     (4u << 20)
#define UNSUBSCRIBED SV("unsubscribed")

static const struct {
	unsigned bit;
	struct sv name;
} uses[] = {
    {IMAP_LIST_DRAFTS, {"\\Drafts", 7}},
    {IMAP_LIST_SENT, {"\\Sent", 5}},
    {IMAP_LIST_JUNK, {"\\Junk", 5}},
    {IMAP_LIST_TRASH, {"\\Trash", 6}},
    {IMAP_LIST_ARCHIVE, {"\\Archive", 8}},
    {IMAP_LIST_ALL, {"\\All", 4}},
    {IMAP_LIST_FLAGGED, {"\\Flagged", 8}},
};

bool
transfer_same_name(struct sv a, struct sv b)
{
	return sv_eq(a, b) || (sv_ieq(a, SV("INBOX")) && sv_ieq(a, b));
}

bool
transfer_wants_folder(const struct transfer *x, struct sv name)
{
	size_t i;

	for (i = 0; i < x->nonly; i++)
		if (transfer_same_name(name, sv_str(x->only[i])))
			return true;
	return x->nonly == 0;
}

void
folder_map_load(struct folder_map *m, struct broker *b)
{
	struct err err;

	buf_init(&m->text, MAP_MAX);
	if (source_read(b, FOLDERS_FILE, &m->text, &err) != RC_OK)
		buf_reset(&m->text);
}

void
folder_map_fini(struct folder_map *m)
{
	buf_fini(&m->text);
}

static bool
is_name(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]))
			return false;
	return s.n > 0 && utf8_valid(s);
}

bool
folder_map_find(
    const struct folder_map *m, struct sv path, struct transfer_folder *out)
{
	struct sv rest = buf_sv(&m->text);

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');
		struct sv name;
		size_t i;

		if (!sv_eq(sv_split(&line, '\t'), path))
			continue;
		name = sv_split(&line, '\t');
		if (!is_name(name))
			return false;
		*out = (struct transfer_folder){.name = name};
		while (line.n > 0) {
			struct sv use = sv_split(&line, ' ');

			if (sv_eq(use, UNSUBSCRIBED))
				out->unsubscribed = true;
			for (i = 0; i < sizeof uses / sizeof uses[0]; i++)
				if (sv_eq(use, uses[i].name))
					out->uses |= uses[i].bit;
		}
		return true;
	}
	return false;
}

void
folder_map_put(struct buf *out, struct sv path, const struct transfer_folder *f)
{
	bool any = false;
	size_t i;

	buf_addsv(out, path);
	buf_addc(out, '\t');
	buf_addsv(out, f->name);
	buf_addc(out, '\t');
	for (i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		if ((f->uses & uses[i].bit) == 0)
			continue;
		if (any)
			buf_addc(out, ' ');
		buf_addsv(out, uses[i].name);
		any = true;
	}
	if (f->unsubscribed) {
		buf_adds(out, any ? " " : "");
		buf_addsv(out, UNSUBSCRIBED);
	}
	buf_addc(out, '\n');
}
