"""Routes: each reads its input, asks one service and shapes the answer."""
