"""Shapes of requests and answers. Shape only: what values are allowed is the domain's business."""
