"""The words with which mail programs of many languages introduce quotes, forwards and their own advertisements.

Only tables and the patterns made of them; `quotes` and `attributions` say how they are used. Every pattern is tried
on one line or a few joined lines of bounded length, and its repetitions are bounded, so that none can take long.
"""

from __future__ import annotations

import re

# Names of headers in a quoted "From: / Sent: / To: / Subject:" block, by what they mean. Lower case.
_HEADER_WORDS = {
    "from": "from|sender|от|от кого|отправитель|від|від кого|von|de|da|van|fra|från|lähettäjä|od|nadawca|odesílatel|odosielateľ|kimden|gönderen"
    "|feladó|expéditeur|remitente|mittente|afzender|de la|από|từ|dari|发件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람",
    "date": "date|sent|sent at|date sent|дата|отправлено|отправлен|послано|надіслано|gesendet|gesendet am|verschickt|datum|envoyé|enviado|enviada"
    "|enviado el|enviado em|enviada em|fecha|data|inviato|data invio|verzonden|verzonden op|sendt|sendt den|dato|skickat|lähetetty"
    "|päivämäärä|päiväys|wysłano|data wysłania|odesláno|poslané|odoslané|gönderildi|gönderme tarihi|tarih|elküldve|dátum|trimis|time"
    "|ngày|tanggal|ημερομηνία|发送时间|发送日期|日期|时间|傳送時間|寄件日期|送信日時|日時|日付|보낸 날짜|날짜",
    "to": "to|кому|получатель|an|à|a|para|per|aan|til|till|vastaanottaja|do|komu|pro|kime|alıcı|címzett|către|προς|đến|kepada"
    "|收件人|收件者|宛先|받는 사람|받는사람",
    "cc": "cc|копия|копія|bcc|скрытая копия|kopie|kopi|kopia|copie|copia|cópia|dw|udw|kopie an|bilgi|másolat|抄送|副本|참조",
    "subject": "subject|тема|тема письма|re|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|predmet|konu|tárgy"
    "|subiect|θέμα|chủ đề|subjek|主题|主題|主旨|标题|件名|제목",
    "other": "reply-to|reply to|обратный адрес|ответить|antwort an|répondre à|responder a|responder para|rispondi a|risposta|organization"
    "|организация|importance|priority|важность|attachments|вложения|attachment|bijlagen|anlagen|pièces jointes|resent-from|mailed-by",
}
HEADER_CLASS = {word: kind for kind, words in _HEADER_WORDS.items() for word in words.split("|")}
HEADER = re.compile(r"^[\s*_>|]{0,9}([^\W\d_][^:：*\n]{0,24}?)[\s*]{0,3}[:：][\s*]{0,3}(.*)$")

# "wrote" as the programs say it.
_VERBS = (
    r"wrote|writes|said|пишет|(?:на)?писал(?:\(а\)|[аи])?|пише|пишуть|писав|написа(?:в|ла)?|напісаў"
    r"|schrieb|schrieben|geschrieben|a écrit|écrit|escribió|escribio|ha escrito|ha scritto|scrisse|scrive|escreveu|va escriure|schreef|geschreven"
    r"|skrev|skreiv|kirjoitti|kirjutas|napisał(?:\(a\)|a)?|pisze|nap[sí]+al(?:\(a\)|a)?|a scris|írta|yazdı"
    r"|έγραψε|rašė|rakstīja|je napisao|napisao|đã viết|menulis|כתבה?|كتب"
)
VERB = re.compile(rf"(?<!\w)(?:{_VERBS})(?!\w)|写道|寫道|のメール|さんは書きました|님이 작성|작성:", re.IGNORECASE)

_MONTHS = (
    r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|січ|лют|бер|кві|тра|чер|лип|сер"
    r"|вер|жов|лис|гру|mär|mai|okt|dez|janv|fév|fevr|févr|avr|juin|juil|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out|mrt|mei"
    r"|maj|tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru|led|úno|bře|dub"
    r"|kvě|čer|črv|srp|zář|říj|pro|oca|şub|nis|haz|tem|ağu|eyl|eki|kas|ara|máj|jún|júl|szept|thg|ιαν|φεβ|μαρ|απρ|μα[ΐιϊ]|ιου|αυγ|σεπ|οκτ"
    r"|νοε|δεκ"
)
_DATE = (
    r"(?:\d{1,4}([./-])\s?\d{1,2}\.?\1\s?\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|º|\.|-)?[\s.-]{{0,2}}(?:(?:de|of|d['’])\s?)?(?:{_MONTHS})\w{{0,9}}"
    rf"|(?:{_MONTHS})\w{{0,7}}[.,]?\s\d{{1,2}}(?!\d)"
    r"|\d{4}\s?[年년])"
)
DATE = re.compile(_DATE, re.IGNORECASE)
# An attribution starts with at most three short words ("On Monday,", "W dniu", "El jueves,", "пн,") and the date.
DATED = re.compile(rf"^[\W_]{{0,12}}(?:[^\W\d_]{{1,14}}[.,]{{0,2}}\s{{1,3}}){{0,3}}{_DATE}", re.IGNORECASE)
CLOCK = re.compile(r"(?<!\d)\d{1,2}\s?(?:[:.hч時시]|點|点)\s?\d{2}(?!\d)|\d{1,2}\s?[AaPp]\.?[Mm]\b")
ADDRESS = re.compile(r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,200}")

_ORIGINAL = (
    r"original|forwarded|reply message|reply separator|исходн|оригинал|первоначальн|пересыл|перенаправл|пересланн|переадресован|цитируем"
    r"|початков|оригінал|пересла|ursprüngl|weitergeleitet|d'origine|transféré|réexpédié|reenviad|encaminhad|inoltrato|oorspronkelijk"
    r"|doorgestuurd|oprindelig|opprinnelig|videresend|ursprung|vidarebefordra|alkuperäinen|välitetty|edelleenlähetetty|oryginaln|przekazan"
    r"|původní|přeposlan|pôvodn|preposlan|eredeti|továbbított|orijinal|özgün|iletilen|원본|전달된|转发|轉寄|原始|原邮件|元の|転送"
)
_BEGINS = (
    r"begin forwarded message|начало пере\w{4,20} (?:сообщения|письма)|початок пере\w{4,20} (?:повідомлення|листа)"
    r"|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:réexpédié|transféré)|inicio del mensaje reenviado"
    r"|inizio messaggio inoltrato|início da mensagem (?:reencaminhada|encaminhada)|begin doorgestuurd bericht|start på videresendt besked"
    r"|vidarebefordrat (?:brev|meddelande)|videresendt melding|välitetty viesti alkaa|początek przekazywanej wiadomości"
    r"|začátek přeposlané zprávy|下面是被转发的邮件|転送されたメッセージ|이하 전달된 메시지"
)
_RULE = r"[-‐_=—–+*]{2,60}"
FORWARD = re.compile(
    rf"^[\s>*|]*{_RULE}\s?(?:8<{_RULE})?[\s\"]{{0,3}}(?:[^\W\d_]{{1,12}}\s){{0,3}}(?:{_ORIGINAL})[^\n]{{0,50}}?\s?{_RULE}(?:8<{_RULE})?\s*$"
    rf"|^[\s>*|]*[-—–]{{3,60}}[^\n@]{{1,80}}(?:wrote|написано|написала?|schrieb|a écrit|napisał)[^\n]{{0,10}}[-—–]{{3,60}}\s*$"
    rf"|^[\s>*|]*(?:{_BEGINS})\s?[:：]?\**\s*$",
    re.IGNORECASE,
)
HEADING = re.compile(rf"^[\s*]{{0,3}}(?:[^\W\d_]{{1,12}}\s){{0,2}}(?:{_ORIGINAL})\w{{0,6}}(?:\s[^\W\d_]{{1,14}}){{0,2}}\s?[:：]?\**$", re.IGNORECASE)
FORWARD_END = re.compile(
    rf"^[\s*]*{_RULE}\s?(?:8<{_RULE})?\s?"
    r"(?:конец|окончание|кінець|end of|ende der|fin du|fine del|fin del)\s"
    rf"[^\W\d_][^\n]{{0,59}}?{_RULE}(?:8<{_RULE})?\s*$",
    re.IGNORECASE,
)
ABOVE_THIS_LINE = re.compile(
    r"^[\s>*]*[#=_—–-]{2,60}[^\n]{0,30}(?:above this line|выше этой (?:линии|строки|черты)|вище (?:цієї )?лінії)[^\n]{0,40}$", re.IGNORECASE
)

_DEVICES = (
    r"iphon\w*(?:['’]\w{1,4})?|ipad\w*|ipod|ios|macos|айфон\w*|android\w*|андроид\w*|samsung|galaxy|huawei|honor|xiaomi|redmi|poco|realme|oppo|vivo|oneplus"
    r"|meizu|nokia|sony|xperia|htc|lg|motorola|asus|zte|tecno|infinix|pixel|blackberry|windows|telefon\w*|телефон\w*|смартфон\w*|планшет\w*"
    r"|устройств\w*|мобильн\w*|мобільн\w*|mobil\w*|phone|smartphones?|tablet\w*|device|handy|móvil|celular|téléphone|portable"
    r"|outlook|gmail|mail(?:\.ru)?|mymail|yahoo|aol|proton\w*|spark|bluemail|typeapp|airmail|newton|почт\w*|пошт\w*|яндекс\w*|yandex\w*|rambler\w*"
    r"|рамблер\w*|vk|zoho|fastmail|canary|tutanota|superhuman|missive|app"
)
_SENT = (
    r"sent (?:from|via|with|using|on)|get outlook|(?:отправлено|послано|надіслано) (?:с|со|из|через|от|при|з|із|за)|скачать outlook"
    r"|(?:получите|завантажте) outlook|gesendet (?:von|mit)|von (?:meine[mr]|samsung)|envoyé (?:de|depuis|à partir)"
    r"|envia(?:do|da) (?:desde|de|do|a partir)|inviato (?:da|dal|con)|(?:verzonden|verstuurd) (?:vanaf|met|via|van)|sendt (?:fra|med)"
    r"|skickat från|skickades från|lähetetty|wysłane? z|wysłano z|odesláno z|odoslané z|elküldve|trimis (?:de pe|din)"
    r"|télécharge[rz] outlook|obtener outlook|obtenha o outlook|ottieni outlook|outlook für|hämta outlook|hent outlook"
)
# Around the device an advertisement has names and these words only; "Отправлено с почты жены, ответа нет" is a sentence.
_SMALL = (
    r"моего|моей|мого|мобильн\w+|мобільн\w+|приложения|додатка|помощью|допомогою|защищ[её]нной|устройства|телефона|смартфона|планшета|почты|для|на|с|из|ios|iphone|ipad|nova|mate|note|pro|lite|plus|max|ultra|mini"
    r"|my|the|an?|and|for|on|via|using|with|by|app|wireless|device|handheld|smartphone|phone|tablet|mobile|secure|email|network|powered"
    r"|mein\w{0,2}|mit|der|für|gesendet|mon|ma|mes|pour|mi|mio|mia|dispositivo|meu|do|da|o|para|per|con|mijn|het|met|voor|min|mitt|mobil|för|til"
    r"|med|fra|från|puhelimesta|mojego|mého|môjho"
)
_AROUND = rf"(?:{_SMALL}|(?-i:[A-ZА-ЯЁЄІЇ0-9&«\"(][^\s,]{{0,30}}))"
_SORRY = r"(?:\.\s?(?:извините|простите|прошу|please|excuse|sorry|pardon)[^\n]{0,60})?"
PHONE = re.compile(
    rf"^[\s>*_\[(—–-]{{0,6}}(?:{_SENT})(?:\s{_AROUND}){{0,5}}?\s(?:[^\s,]{{1,12}}[\W_])?(?:{_DEVICES})(?!\w)®?(?:,?\s{_AROUND}){{0,7}}?"
    rf"{_SORRY}(?:[\s:]{{0,2}}https?://\S{{1,200}})?[.!\])*_]{{0,3}}\s?(?:[<(][^>\n]{{0,200}}>?)?\s*$"
    r"|^\s*(?:发自我的|從我的|从我的)\s?\S.{0,30}$|^.{0,30}(?:から送信|에서 보냄|gönderildi)\.?\s*$|^\s*sent from an? (?!our )\w[\w\s]{0,40}$"
    r"|^\s*sent (?:from|with|via|by|using) (?-i:(?:[A-Z][\w.]{1,20}\s?){1,3})(?:[<(][^>\n]{0,200})?\s*$",
    re.IGNORECASE,
)

_CLOSINGS = (
    r"(?:с|з) (?:искренним |большим |глубоким |наилучшим\w* |найкращим\w* ){0,2}(?:уважением|уважени[ея]|повагою|пожеланиями|побажаннями)"
    r"|с ув\.|(?:заранее )?(?:спасибо|благодарю)[^.!?\n]{0,30} с уважением|всего (?:доброго|хорошего|наилучшего)|искренне ваш\w*"
    r"|(?:with )?(?:best|kind|warm|kindest|warmest|many) regards|regards|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)"
    r"|best wishes|cheers|mit (?:freundlichen|besten|herzlichen) grü(?:ß|ss)en|(?:freundliche|viele|liebe|beste|schöne) grü(?:ß|ss)e"
    r"|(?:bien )?cordialement|(?:cordiales )?saludos|un saludo|atentamente|cordiali saluti|distinti saluti|atenciosamente"
    r"|(?:met )?vriendelijke groet(?:en)?|(?:med )?(?:venlig|vennlig) hilsen|hilsen|mvh|kh|(?:med )?vänliga? hälsning(?:ar)?"
    r"|ystävällisin terveisin|terveisin|z poważaniem|pozdrawiam|s pozdrav[eo]m|saygılarımla|üdvözlettel|以上|よろしくお願い\S{0,8}"
)
CLOSING = re.compile(
    rf"^[\s/*_—–-]{{0,4}}(?:{_CLOSINGS})(?:\s*$|\s?[,.!:;—–-].{{0,60}}$|(?-i:\s[^\W\d_a-zа-яё]).{{0,50}}$)", re.IGNORECASE
)
FOOTER = re.compile(
    r"^[\s>*_]{0,4}(?:(?:virus-free|без вирусов|не содержит вирусов|проверено)[^\n]{0,30}(?:avast|www\.|dr\.?\s?web|kaspersky|касперск)|!DSPAM:"
    r"|(?:это|данное) (?:сообщение|письмо) (?:было )?проверено (?:на (?:наличие|отсутствие)|антивирус)"
    r"|this e-?mail (?:has been|was) (?:checked|scanned)|confidentiality notice|уведомление о конфиденциальности"
    r"|(?:настоящее|данное|это) (?:электронное )?(?:сообщение|письмо)[^\n]{0,60}(?:(?:содерж|явля)\w+[^\n]{0,60}конфиденциальн"
    r"|предназначен\w* (?:исключительно|только))"
    r"|the information (?:contained )?in this (?:e-?mail|message)[^\n]{0,60}(?:confidential|privileged)"
    r"|this (?:e-?mail|message)[^\n]{0,80}(?:confidential|intended (?:only|solely))"
    r"|you (?:received|are receiving) this (?:message|e-?mail) because you"
    r"|вы получили это (?:письмо|сообщение),? (?:потому|так как|поскольку))",
    re.IGNORECASE,
)
LIST_FOOTER = re.compile(r"mailing list|рассылк|mailman|listinfo|lists\.|to unsubscribe", re.IGNORECASE)
