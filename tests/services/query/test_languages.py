"""Messages in many languages and kinds of text, found and shown over HTTP by what people type."""
# ruff: noqa: RUF001

import pytest

from tests.services.support import Api

CASES = {  # the text, what is typed, and what of the text is marked
    "spanish": ("Quisiera cancelar las devoluciones pendientes", "devolución", "devoluciones"),
    "german-ss": ("Die Lieferung ging in die falsche Straße", "strasse", "Straße"),
    "german-umlaut": ("Frau Müller wartet noch auf ihr Päckchen", "mueller", "Müller"),
    "french": ("Le numéro de série est effacé", "numero serie", "numéro"),
    "turkish": ("IŞIK yanmıyor ve ekran çok karanlık", "ışık", "IŞIK"),
    "turkish-dot": ("İSTANBUL için bir koltuk arıyorum", "istanbul", "İSTANBUL"),
    "chinese": ("请把退款发到我的信用卡", "信用卡", "信用卡"),
    "japanese": ("パスワードを忘れてしまいました", "パスワード", "パスワード"),
    "thai": ("กรุณายกเลิกการจองห้องพัก", "ห้องพัก", "ห้องพัก"),
    "korean": ("비밀번호를 잊어버렸어요", "비밀번호", "비밀번호"),
    "arabic": ("أين الحقائب المفقودة", "الحقائب", "الحقائب"),
    "hindi": ("मेरी उड़ान रद्द हो गई", "उड़ान", "उड़ान"),
    "russian": ("Подскажите, где мои посылки", "посылка", "посылки"),
    "code": ("then parseHttpHeader() raised", "parse http header", "parseHttpHeader"),
    "path": ("look into /var/lib/vault/state.db first", "vault/state.db", "vault/state.db"),
    "email": ("write to grace.hopper@navy.example please", "grace.hopper@navy.example", "grace.hopper@navy.example"),
    "order": ("it was QX-778-201 that went missing", "qx-778-201", "QX-778-201"),
    "version": ("since release 7.14.2 nothing prints", "7.14.2", "7.14.2"),
    "url": ("see https://status.example/incidents/5518?lang=en", "status.example/incidents/5518", "status.example/incidents/5518"),
    "emoji": ("my cake arrived 🎂 intact", "🎂", "🎂"),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(api: Api) -> Api:
    for name, (text, _, _) in CASES.items():
        api.start(f"told-{name}", text, title=None)
    return api


@pytest.mark.parametrize("name", CASES)
def test_it_is_found_and_marked(told: Api, name: str) -> None:
    _, q, marked = CASES[name]
    answer = told.get("/conversations/search", params={"q": q})
    assert answer.status_code == 200, answer.text
    first = answer.json()["data"][0]
    assert first["id"] == f"told-{name}"
    [match] = first["matches"]
    shown = [match["snippet"][start:end] for start, end in match["ranges"]]
    assert any(marked in part or marked.startswith(part) for part in shown), shown
    assert marked in match["snippet"]


def test_a_title_in_another_script(api: Api) -> None:
    api.start("titled-zh", "hello", title="关于会员积分的问题")
    found = api.get("/conversations/search", params={"q": "会员积分", "search_in": "title"})
    assert [one["id"] for one in found.json()["data"]] == ["titled-zh"]
