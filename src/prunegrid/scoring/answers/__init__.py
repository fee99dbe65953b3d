"""What a generated text answers: extraction rules, one file per shape of answer."""
