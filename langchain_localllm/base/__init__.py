"""What LangChain wants, written once: text, chat and embedding classes that a runtime fills with its difference."""
