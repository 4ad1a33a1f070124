#include "imap/transfer/usual.h"

#include "imap/client/response.h"

#define NAMES(n, ...)                     \
	{                                 \
		n, (const char *const[])  \
		{                         \
			__VA_ARGS__, NULL \
		}                         \
	}

struct names {
	unsigned what;
	const char *const *name;
};

static const struct names uses[] = {
    NAMES(IMAP_LIST_SENT, "Sent", "Sent Items", "Sent Mail", "Sent Messages",
	"Sent-Mail", "SentMail", "Sent Email", "Sent Emails", "Outbox (Sent)",
	"Gesendet", "Gesendete Elemente", "Gesendete Objekte",
	"Gesendete Nachrichten", "Gesendete E-Mails", "Gesendete Mails",
	"Postausgang (gesendet)", "Envoyés", "Envoyé", "Messages envoyés",
	"Éléments envoyés", "Courrier envoyé", "Objets envoyés", "Enviados",
	"Elementos enviados", "Correo enviado", "Mensajes enviados",
	"Itens enviados", "E-mails enviados", "E-mail enviado",
	"Mensagens enviadas", "Posta inviata", "Inviata", "Inviati",
	"Messaggi inviati", "Elementi inviati", "Verzonden", "Verzonden items",
	"Verzonden berichten", "Skickat", "Skickade objekt", "Sendt post",
	"Sendte elementer", "Sendt", "Sendte", "Lähetetyt", "Wysłane",
	"Elementy wysłane", "Odeslané", "Odeslaná pošta", "Отправленные",
	"Gönderilmiş Öğeler", "Gönderilenler"),
    NAMES(IMAP_LIST_DRAFTS, "Drafts", "Draft", "Entwürfe", "Entwurf",
	"Brouillons", "Brouillon", "Borradores", "Borrador", "Rascunhos",
	"Rascunho", "Bozze", "Bozza", "Concepten", "Concept", "Utkast",
	"Kladder", "Luonnokset", "Kopie robocze", "Wersje robocze", "Koncepty",
	"Черновики", "Taslaklar"),
    NAMES(IMAP_LIST_JUNK, "Junk", "Spam", "Junk E-mail", "Junk Email",
	"Junk-E-mail", "Junk-E-Mail", "Junk Mail", "Bulk", "Bulk Mail",
	"Spamverdacht", "Unerwünscht", "Werbung", "Spam-Verdacht",
	"Unerwünschte Werbung", "Unerwünschte E-Mails", "Indésirables",
	"Courrier indésirable", "Pourriel", "Pourriels", "Correo no deseado",
	"No deseado", "Lixo eletrônico", "Lixo Eletrónico",
	"Posta indesiderata", "Indesiderata", "Ongewenste e-mail", "Ongewenst",
	"Skräppost", "Søppelpost", "Uønsket mail", "Uønsket e-mail",
	"Roskaposti", "Wiadomości-śmieci", "Nevyžádaná pošta",
	"Нежелательная почта", "Спам", "Önemsiz E-posta"),
    NAMES(IMAP_LIST_TRASH, "Trash", "Deleted", "Deleted Items",
	"Deleted Messages", "Deleted Mail", "Bin", "Waste", "Wastebasket",
	"Papierkorb", "Gelöscht", "Gelöschte Elemente", "Gelöschte Objekte",
	"Gelöschte Nachrichten", "Gelöschte E-Mails", "Corbeille",
	"Éléments supprimés", "Messages supprimés", "Supprimés", "Papelera",
	"Elementos eliminados", "Eliminados", "Lixeira", "Lixo",
	"Itens excluídos", "Itens Eliminados", "Cestino", "Posta eliminata",
	"Eliminati", "Messaggi eliminati", "Prullenbak", "Prullenmand",
	"Verwijderd", "Verwijderde items", "Papperskorg", "Papperskorgen",
	"Borttagna objekt", "Papirkurv", "Slettet post", "Slettede elementer",
	"Roskakori", "Poistetut", "Kosz", "Elementy usunięte", "Koš",
	"Odstraněná pošta", "Удаленные", "Удалённые", "Корзина", "Çöp Kutusu",
	"Silinmiş Öğeler"),
    NAMES(IMAP_LIST_ARCHIVE, "Archive", "Archives", "Archiv", "Archivo",
	"Archivados", "Arquivo", "Archivio", "Archief", "Arkiv", "Arkisto",
	"Archiwum", "Архив", "Arşiv", "Archivé"),
};

static const struct names inboxes[] = {
    NAMES(1, "INBOX", "Posteingang", "Boîte de réception", "Recibidos",
	"Bandeja de entrada", "Caixa de entrada", "Posta in arrivo",
	"In arrivo", "Postvak IN", "Inkorg", "Inkorgen", "Innboks", "Indbakke",
	"Saapuneet", "Odebrane", "Skrzynka odbiorcza", "Doručená pošta",
	"Входящие", "Gelen Kutusu"),
};

static const struct names labels[] = {
    NAMES(LABEL_READ, "Opened", "Read", "Geöffnet", "Gelesen", "Ouvert",
	"Ouverts", "Lu", "Lus", "Abierto", "Abiertos", "Leído", "Leídos",
	"Aberto", "Abertos", "Lido", "Lidos", "Aperto", "Aperti", "Già letto",
	"Letto", "Letti", "Da leggere (aperto)", "Geopend", "Gelezen", "Öppnat",
	"Öppnade", "Läst", "Åpnet", "Åbnet", "Avattu", "Otwarte", "Otevřené",
	"Otevřeno", "Открытые", "Прочитанные", "Açıldı", "Açılanlar"),
    NAMES(LABEL_UNREAD, "Unread", "Ungelesen", "Non lu", "Non lus", "No leído",
	"No leídos", "Não lido", "Não lidos", "Não lidas", "Non letto",
	"Non letti", "Da leggere", "Ongelezen", "Oläst", "Olästa", "Ulest",
	"Uleste", "Ulæst", "Ulæste", "Lukematta", "Lukemattomat",
	"Nieprzeczytane", "Nepřečtené", "Непрочитанные", "Okunmamış",
	"Okunmayanlar", "No llegit", "No llegits"),
    NAMES(LABEL_STARRED, "Starred", "Markiert", "Mit Stern markiert",
	"Gekennzeichnet", "Suivi", "Suivis", "Messages suivis", "Destacado",
	"Destacados", "Con estrella", "Com estrela", "Marcado com estrela",
	"Speciali", "Speciale", "Con stella", "Met ster", "Met ster gemarkeerd",
	"Stjärnmärkt", "Stjärnmärkta", "Stjernemerket", "Stjernemarkeret",
	"Tähdellä merkityt", "Oznaczone gwiazdką", "S hvězdičkou", "Помеченные",
	"Yıldızlı", "Destacats"),
    NAMES(LABEL_ARCHIVED, "Archived", "All Mail", "Archiviert", "Archivé",
	"Archivés", "Archivado", "Archivados", "Arquivado", "Arquivados",
	"Arquivada", "Archiviato", "Archiviati", "Archiviata", "Gearchiveerd",
	"Arkiverat", "Arkiverade", "Arkivert", "Arkiveret", "Arkistoitu",
	"Arkistoidut", "Zarchiwizowane", "Archivováno", "Archivované",
	"Архивированные", "Arşivlendi", "Arxivats"),
    NAMES(LABEL_OTHER, "Important", "Wichtig", "Importants", "Importante",
	"Importantes", "Importanti", "Belangrijk", "Viktigt", "Viktig",
	"Vigtigt", "Vigtig", "Tärkeää", "Tärkeä", "Ważne", "Důležité", "Важное",
	"Önemli", "Chat", "Chats", "Muted", "Snoozed", "Ignoriert",
	"Zurückgestellt", "Scheduled", "Geplant"),
};

/* Gmail's tabs: "Category Updates", "Kategorie: Werbung". */
static const char *const categories[] = {"Category ", "Kategorie ",
    "Kategorie: ", "Kategorie:", "Catégorie ",
    "Catégorie : ", "Catégorie: ", "Categoría ", "Categoría: ", "Categoria ",
    "Categoria: ", "Categorie ", "Categorie: ", "Kategori ",
    "Kategori: ", "Category: ", "Luokka ", "Категория ", "IMAP_"};

#define FIND(table, s) find(table, sizeof(table) / sizeof((table)[0]), s)

static unsigned
find(const struct names *t, size_t n, struct sv s)
{
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; t[i].name[j] != NULL; j++)
			if (sv_ieq(s, sv_str(t[i].name[j])))
				return t[i].what;
	return 0;
}

unsigned
usual_use(struct sv name)
{
	static const struct sv above[] = {
	    {"INBOX/", 6}, {"[Gmail]/", 8}, {"[Google Mail]/", 14}};
	size_t i;

	for (i = 0; i < sizeof above / sizeof above[0]; i++)
		if (sv_istarts(name, above[i]))
			name = sv_skip(name, above[i].n);
	return FIND(uses, name);
}

bool
usual_inbox(struct sv name)
{
	return FIND(inboxes, name) != 0;
}

enum usual_label
usual_label(struct sv label)
{
	size_t i;

	if (usual_inbox(label))
		return LABEL_INBOX;
	/* "Archivé" says that it was put away, not a name. */
	i = FIND(labels, label);
	if (i != 0)
		return (enum usual_label)i;
	if (usual_use(label) != 0)
		return LABEL_USE;
	for (i = 0; i < sizeof categories / sizeof categories[0]; i++)
		if (sv_istarts(label, sv_str(categories[i])))
			return LABEL_OTHER;
	return LABEL_OWN;
}
