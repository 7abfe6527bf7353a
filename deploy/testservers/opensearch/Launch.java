import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node in this JVM. Arguments: HTTP port, directory of its data, directory of opensearch.yml. */
public class Launch {
    public static void main(String[] arguments) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        // The runner's own default has no ingest role, and it does not read node.roles of opensearch.yml.
        runner.onBuild((number, settings) -> settings.putList("node.roles", "cluster_manager", "data", "ingest"));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        runner.setMaxHttpPort(-1); // no bound (it would be 9299), and no other port when this one is taken
        // Node number N listens on the base port + N, and the first is number 1.
        String base = String.valueOf(Integer.parseInt(arguments[0]) - 1);
        runner.build("-numOfNode", "1", "-clusterName", "faultline-test", "-basePath", arguments[1],
            "-confPath", arguments[2], "-baseHttpPort", base);
        Thread.currentThread().join();
    }
}
