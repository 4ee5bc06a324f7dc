// The browser asks this route, and this route asks the server: its address and its token stay on the server's side.
import type { components } from "../../../lib/jsl-api";

type TranslateRequest = components["schemas"]["TranslateRequest"];

const SERVER = process.env.JSL_URL ?? "http://127.0.0.1:8000";
const TOKEN = process.env.JSL_TOKEN;

export async function POST(request: Request): Promise<Response> {
  const { text } = (await request.json()) as { text?: unknown };
  if (typeof text !== "string" || text.length > 2000) {
    return Response.json({ title: "文は 2,000 文字までです。" }, { status: 422 });
  }
  const body: Partial<TranslateRequest> = { text, n_best: 3 };
  try {
    const answer = await fetch(`${SERVER}/v1/translate`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Accept-Language": request.headers.get("accept-language") ?? "ja",
        ...(TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {}),
      },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: request.signal, // a browser that goes away takes its request back
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: { "Content-Type": answer.headers.get("content-type") ?? "application/json", "Cache-Control": "no-store" },
    });
  } catch {
    return Response.json({ title: "翻訳のサーバーにつながりません。" }, { status: 502 });
  }
}
