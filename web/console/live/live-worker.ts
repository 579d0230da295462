import { runLiveConnection, type LiveNews, type LiveState } from './live-connection.ts';

/**
 * Holds the only connection of a browser, whatever number of tabs is open: HTTP/1.1 allows six to one server, and video
 * needs them.
 */
const tabs = new Set<MessagePort>();
let state: LiveState = 'connecting';

const connection = runLiveConnection((news: LiveNews) => {
  if (news.what === 'state') state = news.state;
  for (const tab of tabs) tab.postMessage(news);
});

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  tabs.add(port);
  port.addEventListener('message', ({ data }: MessageEvent) => {
    if (data === 'bye') tabs.delete(port);
    if (data === 'again') connection.again();
  });
  port.start();
  const now: LiveNews[] = [{ what: 'state', state }, { what: 'refresh' }];
  for (const news of now) port.postMessage(news);
});
