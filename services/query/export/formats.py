"""Which writer makes which format."""

from services.query.export.markdown import MarkdownWriter
from services.query.export.writing import Format, JsonLinesWriter, JsonWriter, Kind, Writer


def writer(name: Format, kind: Kind) -> Writer:
    if name == "json":
        return JsonWriter(single=kind == "conversation")
    return JsonLinesWriter() if name == "jsonl" else MarkdownWriter()
