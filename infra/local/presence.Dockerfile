# syntax=docker/dockerfile:1
# The presence service. Context: the repository's root; presence.Dockerfile.dockerignore says what is sent.
#
#   docker build -f infra/local/presence.Dockerfile -t realchat-presence .
#
# Images are pinned by tag. Where images must not change under a tag, add the digest that your registry vouches for
# (docker buildx imagetools inspect node:24.21.0-bookworm-slim).

FROM node:24.21.0-bookworm-slim AS installed
WORKDIR /app
COPY . .
# The optional packages bring Node itself, for machines that lack it; here it is the image's.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# Owned by root: the service cannot change its own code.
COPY --from=installed /app ./
USER node
EXPOSE 50056 8096
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "infra/local/healthy.ts"]
CMD ["node", "services/presence/main.ts"]
