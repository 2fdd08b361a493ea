"""Operations on pictures as arrays; no files."""
