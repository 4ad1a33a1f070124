/* The key `backup`: a copy of everything, every day. */

#include "conf/conf_priv.h"

#define KEEP_MAX 10000

static void
set_folder(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->backup.folder, &p->c->backup.folder_at);
}

static void
set_at(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v, hour, minute;
	uint32_t h, m;

	if (!conf_get_text(p, n, "a time of day", &v))
		return;
	minute = v;
	hour = sv_split(&minute, ':');
	if (hour.n > 2 || minute.n != 2 || sv_to_u32(hour, 23, &h) != RC_OK ||
	    sv_to_u32(minute, 59, &m) != RC_OK) {
		CONF_FAIL(p, n,
		    "\"%.*s\" is not a time of day such as \"03:30\" (with "
		    "quotes)",
		    (int)(v.n < 60 ? v.n : 60), v.p);
		return;
	}
	p->c->backup.minute = h * 60 + m;
}

static void
set_keep(struct conf_parser *p, yaml_node_t *n)
{
	uint64_t v;

	if (conf_get_number(p, n, 1, KEEP_MAX, &v))
		p->c->backup.keep = (uint32_t)v;
}

static const struct conf_key keys[] = {
    {"folder", set_folder},
    {"at", set_at},
    {"keep", set_keep},
    {NULL, NULL},
};

void
conf_set_backup(struct conf_parser *p, yaml_node_t *n)
{
	p->c->backup.minute = CONF_BACKUP_MINUTE;
	conf_set_map(p, n, keys);
	if (p->c->backup.folder == NULL)
		CONF_FAIL(p, n, "backup needs a folder to write into");
}
