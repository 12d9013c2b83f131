"""Chats that agent-squad stores in DynamoDB: two exchanges of one session at the same time."""

from agent_squad.storage import DynamoDbChatStorage
from agent_squad.types import ConversationMessage

from toctou import Model, Table, handler

storage = DynamoDbChatStorage("Chats", "us-east-1")


def said(role, text):
    return ConversationMessage(role=role, content=[{"text": text}])


class Chats(Model):
    """Each exchange of a question and its answer is kept."""

    tables = [Table("Chats", "PK", "SK")]
    principals = ["alice"]

    @handler(question=["Where is my order?", "May I return it?"])
    async def ask(self, principal, question):
        exchange = [said("user", question), said("assistant", f"On {question}")]
        await storage.save_chat_messages(principal, "session", "agent", exchange)
        return 204

    @handler(read_only=True)
    async def history(self, principal):
        return 200, [m.content[0]["text"] for m in await storage.fetch_chat(principal, "session", "agent")]
